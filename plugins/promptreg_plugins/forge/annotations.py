"""What regressed, at the first changed line of the template that did it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from promptreg.stages.report import digest
from promptreg.stages.report.lines import line_of
from promptreg.verdicts import Comparison, Difference, GateVerdict, Verdict
from promptreg_plugins.forge.job import Job
from promptreg_plugins.forge.output import annotation

__all__ = ["MOST", "annotate", "place_of"]

MOST = 10
"""GitHub shows ten errors and ten warnings of a step."""
_LARGEST_FILE = 2_000_000


@dataclass(frozen=True, slots=True)
class _Remark:
    template: str
    title: str
    message: str


def annotate(comparison: Comparison, job: Job) -> None:
    """Print an error for each regression and missed limit, or warnings for what is open.

    A pass warns of slices that lost: nobody reads the summary of a check that is green.
    """
    verdict = comparison.gate.verdict
    fails, passes = verdict is GateVerdict.FAIL, verdict is GateVerdict.PASS
    kind = "error" if fails else "warning"
    remarks = list(_accused(comparison) if fails else () if passes else _open(comparison))
    if not fails:
        remarks += _metrics(digest.lost_slices(comparison), Verdict.REGRESSED)
    if not remarks and passes:
        return
    if not remarks:
        annotation(kind, f"promptreg {comparison.suite}", digest.headline(comparison))
    shown = remarks if len(remarks) <= MOST else remarks[: MOST - 1]
    places = {name: place_of(comparison, name, job) for name in {r.template for r in shown}}
    for remark in shown:
        annotation(kind, remark.title, remark.message, *places[remark.template])
    if len(shown) < len(remarks):
        more = f"and {len(remarks) - len(shown)} more, in the step summary and the report"
        annotation(kind, f"promptreg {comparison.suite}", more)


def _accused(c: Comparison) -> Iterator[_Remark]:
    yield from _metrics(_gating(c), Verdict.REGRESSED)
    yield from _limits(c, "not_met")


def _open(c: Comparison) -> Iterator[_Remark]:
    yield from _metrics(_gating(c), Verdict.INCONCLUSIVE)
    yield from _limits(c, "not_shown")
    for criterion, what, told in digest.criteria(c):
        if criterion.status != "present":
            yield _Remark("", f"{c.suite}: policy", f"{what}: {told}")


def _gating(c: Comparison) -> list[Difference]:
    return [d for d in c.differences if d.gating]


def _metrics(rows: Iterable[Difference], verdict: Verdict) -> Iterator[_Remark]:
    for d in rows:
        if d.verdict is verdict:
            line = line_of(d)
            words = [f"{line.verdict}: {line.baseline} to {line.candidate}"]
            words += [f"change {line.change} {line.interval}", f"margin {line.margin}"]
            words += [f"{line.n} scenarios", *line.extras]
            yield _Remark(d.template, f"{d.template}: {line.title}", ", ".join(words))


def _limits(c: Comparison, status: str) -> Iterator[_Remark]:
    for limit, what, told in digest.limits(c):
        if limit.status == status:
            yield _Remark(
                limit.template, f"{limit.template}: limit of {limit.metric}", f"{what}: {told}"
            )


def place_of(comparison: Comparison, template: str, job: Job) -> tuple[str, int]:
    """Return the file of a candidate's text, and its first changed line.

    Path from the checkout's top, and a line from 1; an empty path where the text is in no file
    there, 0 where the file holds it in another form (a key of a YAML file).
    """
    source = comparison.candidate.sources.get(template, "")
    file = _file(source, Path(comparison.suite_file).parent) if comparison.suite_file else None
    path = job.path_of(str(file)) if file is not None else ""
    if file is None or not path:
        return "", 0
    before, after = comparison.template_diffs.get(template, ("", ""))
    if not after:
        return path, 0
    try:
        if file.stat().st_size > _LARGEST_FILE:
            return path, 0
        text = file.read_text("utf-8-sig")  # newlines are those of templates
    except (OSError, UnicodeDecodeError):
        return path, 0
    start = text.find(after)
    if start < 0:
        return path, 0
    return path, text.count("\n", 0, start) + _first_change(before, after)


def _file(source: str, base: Path) -> Path | None:
    """Return the file that a source names: `x.txt`, `x.yaml#key`, `x.py:NAME`."""
    for name in (source, source.rpartition("#")[0], source.rpartition(":")[0]):
        try:
            if name and (base / name).is_file():
                return base / name
        except (OSError, ValueError):  # too long, a NUL: no name of a file
            continue
    return None


def _first_change(before: str, after: str) -> int:
    a, b = before.split("\n"), after.split("\n")
    same = 0
    while same < min(len(a), len(b)) and a[same] == b[same]:
        same += 1
    # Lines cut off at the end: the last one that is left. A final newline makes no line.
    last = max(1, len(b) - (b[-1] == ""))
    return min(same + 1, last)
