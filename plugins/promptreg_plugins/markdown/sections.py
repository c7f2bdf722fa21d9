"""What there is to say of a comparison, the verdict first, in sections of Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from promptreg.numbers import count, level
from promptreg.stages.report import digest
from promptreg.stages.report.lines import Line, lines_of
from promptreg.verdicts import Comparison, Difference, GateVerdict, Verdict
from promptreg_plugins.markdown.changes import diffs, scenarios
from promptreg_plugins.markdown.escaping import escape
from promptreg_plugins.markdown.fitting import Rank, Section

__all__ = ["MARKS", "ending", "headline", "sections"]

MARKS = {GateVerdict.PASS: "✅", GateVerdict.FAIL: "❌", GateVerdict.INCONCLUSIVE: "⚠️"}


def sections(comparison: Comparison, *, shown: int = 10) -> list[Section]:
    """Return all sections but the first and the last; `shown` scenarios at most."""
    return [
        *_tables(comparison),
        *_limits(comparison),
        *_warnings(comparison),
        *_slices(comparison),
        *scenarios(comparison, shown),
        *_failures(comparison),
        *diffs(comparison),
    ]


def headline(c: Comparison) -> Section:
    """Return the verdict, why, and what it rests on; always shown."""
    doubt = c.gate.verdict is GateVerdict.PASS and digest.lost_slices(c)
    mark = MARKS[GateVerdict.INCONCLUSIVE if doubt else c.gate.verdict]
    rows = [
        f"## {mark} GATE {escape(digest.headline(c), 600)}\n",
        f"**{escape(c.suite)}**: {escape(digest.sentence(c), 400)}\n",
        f"{escape(digest.facts(c), 600)}.",
    ]
    if c.design is not None:
        rows.append(f"\n{escape(digest.design(c), 900)}.")
    rows += [f"\n**{escape(what, 600)}.**" for what in digest.compared(c)]
    if c.stopping is not None:
        rows.append(f"\n{escape(digest.stopping(c), 400)}.")
    if c.synthetic:
        rows.append("\n**SYNTHETIC** answers from a scripted provider: never passes a gate.")
    reasons = [f"- {escape(reason, 300)}" for reason in c.gate.reasons[2:10]]
    rows += ["", *reasons] if reasons else []
    return Section("verdict", tuple(rows))


def ending(c: Comparison) -> Section:
    """Return what it took; always shown."""
    parts = [digest.spent(c), f"provider {c.provider}", f"alpha {c.alpha:g}"]
    parts += [f"policy {c.policy_sha256[:12]}", c.created_at]
    calibration = escape(digest.calibration_words(c), 900)
    rows = (f"<sub>{escape(' · '.join(parts), 500)}</sub>", f"<sub>{calibration}</sub>")
    return Section("cost", rows)


def _warnings(c: Comparison) -> Iterator[Section]:
    rows = [f"> **Warning:** {escape(warning, 400)}" for warning in c.warnings[:10]]
    if len(c.warnings) > 10:
        rows.append(f"> and {len(c.warnings) - 10} more warnings")
    if rows:
        yield Section("warnings", tuple(rows), rank=Rank.WARNINGS, between="\n>\n")


def _tables(c: Comparison) -> Iterator[Section]:
    tables = digest.whole_suite(c)
    guarding = digest.guards(c)
    found = [
        (name, [*rows, *(d for d in guarding if d.template == name)])
        for name, rows in tables.items()
    ]
    found.sort(key=lambda item: min(_weight(d) for d in item[1]))
    for name, rows in found:
        title = f"### {escape(name, 60)}\n\n" if len(tables) > 1 else ""
        lines = lines_of(sorted(rows, key=_weight))
        yield Section(
            f"metrics of {escape(name, 60)}",
            tuple(_row(x) for x in lines),
            head=title + _heading(lines, c),
            rank=Rank.TABLES,
        )
        yield _finer(name, lines)


def _weight(d: Difference) -> int:
    """Order: what regressed, the composite, what is open, what gates, the rest."""
    if d.gating and d.verdict is Verdict.REGRESSED:
        return 0
    if d.metric == "overall" and d.slice is None:
        return 1
    if not d.gating:
        return 4
    return 2 if d.verdict is Verdict.INCONCLUSIVE else 3


def _heading(lines: Sequence[Line], c: Comparison) -> str:
    labels = [escape(side.label, 24) for side in (c.baseline, c.candidate)]
    shown = level(lines[0].difference.level) if lines else "95%"
    # The verdict goes first: a narrow page cuts the end of a table off.
    head = ["metric", "verdict", *labels, "change", f"{shown} interval", "margin · detectable"]
    rows = [head, ["---", "---", *["---:"] * 5]]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _row(x: Line) -> str:
    verdict = f"**{x.verdict}**" if x.verdict.startswith("REGRESSED") else x.verdict
    interval = x.interval.replace(" ", "\u00a0")  # tables are narrow, and two lines hard to read
    cells = [escape(x.title, 90), verdict, x.baseline, x.candidate, x.change, interval]
    return f"| {' | '.join((*cells, f'{x.margin} · {x.seen}'))} |"


def _finer(name: str, lines: Sequence[Line]) -> Section:
    """Return what a narrow table has no room for."""
    what = f"Scenarios, p-values and notes of {escape(name, 60)}"
    return Section(
        what,
        tuple(
            f"- {escape(x.title, 90)}: "
            + escape(" · ".join((count(x.n, "scenario"), *x.extras, *x.finer)), 400)
            for x in lines
        ),
        head=f"<details><summary>{what}</summary>\n\n",
        tail="\n\n</details>",
        rank=Rank.FINER,
    )


def _limits(c: Comparison) -> Iterator[Section]:
    found = digest.limits(c)
    rows = [
        f"- {escape(limit.template, 40)}: {escape(what, 160)}: {escape(status, 160)}"
        for limit, what, status in sorted(found, key=lambda item: item[0].status != "not_met")[:30]
    ]
    if len(found) > 30:
        rows.append(f"- and {len(found) - 30} more")
    rows += [
        f"- {escape(what, 200)}: {escape(status, 200)}"
        for _, what, status in digest.criteria(c)[:30]
    ]
    preset = f" (policy preset {escape(c.preset, 60)})" if c.preset else ""
    head = f"**Limits on the candidate{preset}**\n\n"
    if rows:
        yield Section("limits", tuple(rows), head=head, rank=Rank.LIMITS)


def _slices(c: Comparison) -> Iterator[Section]:
    losing, more = digest.hurting_slices(c, 20)
    yield from _ledger(c, losing, "became worse")
    if more:
        yield Section("more slices", (f"and {more} more slices",), rank=Rank.SLICES)
    # What became better is worth knowing, and worth less than the scenarios that became worse.
    gaining, _ = digest.gaining_slices(c, 10)
    yield from _ledger(c, gaining, "became better", Rank.FINER)
    notes = [escape(x, 400) for x in (digest.too_small(c), digest.how_to_guard(c)) if x]
    if notes:
        yield Section("notes on slices", ("\n\n".join(notes),), rank=Rank.SLICES)


def _ledger(
    c: Comparison, rows: Sequence[Difference], how: str, rank: Rank = Rank.SLICES
) -> Iterator[Section]:
    """Yield a table of slices for each template."""
    for name in dict.fromkeys(d.template for d in rows):
        lines = lines_of(d for d in rows if d.template == name)
        labels = " | ".join(escape(side.label, 24) for side in (c.baseline, c.candidate))
        what = f"Slices of {escape(name, 60)} that {how}"
        # Nobody opens a fold below a verdict that passes.
        accused = any(d.template == name and d.verdict is Verdict.REGRESSED for d in rows)
        fold = "<details open>" if accused else "<details>"
        title = f"{fold}<summary>{what} (hints, never gating)</summary>\n\n"
        yield Section(
            what,
            tuple(_slice_row(x) for x in lines),
            head=f"{title}| metric | verdict | {labels} | change | interval | n |\n"
            "| --- | --- | ---: | ---: | ---: | ---: | ---: |\n",
            tail="\n\n</details>",
            rank=rank,
        )


def _slice_row(x: Line) -> str:
    interval = x.interval.replace(" ", "\u00a0")
    cells = [escape(x.title, 90), x.verdict, x.baseline, x.candidate, x.change, interval]
    return f"| {' | '.join((*cells, str(x.n)))} |"


def _failures(c: Comparison) -> Iterator[Section]:
    rows = digest.causes(c)
    if not rows:
        return
    labels = " | ".join(escape(side.label, 24) for side in (c.baseline, c.candidate))
    yield Section(
        "failed trials by cause",
        tuple(
            f"| {escape(r.cause)} | {r.baseline} | {r.candidate} "
            f"| {digest.TREATMENTS[r.treatment]} |"
            for r in rows[:40]
        ),
        head="<details><summary>Failed trials by cause</summary>\n\n"
        f"| cause | {labels} | counts as |\n| --- | ---: | ---: | --- |\n",
        tail="\n\n</details>",
        rank=Rank.FAILURES,
    )
