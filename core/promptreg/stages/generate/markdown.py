"""Coverage for people: one page of Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from promptreg.numbers import count, margin

__all__ = ["coverage_markdown"]

_SHOWN = 20


def coverage_markdown(found: Mapping[str, Any]) -> str:
    """Return the page for what `measure` found."""
    return "\n".join(_lines(found)) + "\n"


def _lines(found: Mapping[str, Any]) -> Iterator[str]:
    families = count(found["families"], "family")
    yield f"# Coverage: {count(found['scenarios'], 'scenario')} in {families}"
    yield ""
    for name, (true, of) in found.get("checks", {}).items():
        yield f"- {name.replace('_', ' ')}: {true:,} of {of:,} ({_percent(true, of)})"
    if found.get("checks"):
        yield ""
    if found["tuples"]:
        yield "Combinations of attribute values, counted on the scenarios:"
        yield ""
        yield from _table(
            ["attributes together", "possible", "covered", "times each", "excluded"],
            [
                [
                    f"{t['strength']}" + (" (designed)" if _is_designed(t, found) else ""),
                    f"{t['possible']:,}",
                    f"{t['covered']:,} ({_percent(t['covered'], t['possible'])})",
                    "{least} to {most}, median {median}".format(**t["times"])
                    if t["times"]
                    else "-",
                    f"{t['excluded']:,}",
                ]
                for t in found["tuples"]
            ],
        )
        yield from _listed(found, "missing", "Possible, but not there")
        yield from _listed(found, "excluded_by_constraints", "Left out by constraints")
    yield "## Slices"
    yield ""
    yield (
        "The last column is the smallest change of a pass/fail metric that a comparison on the "
        "slice alone would see (80 % power, one repeat, a fifth of the scenarios differing): from "
        "families whose scenarios differ independently to families that differ as a whole."
    )
    yield ""
    yield from _table(
        ["slice", "scenarios", "families", "could see"],
        [
            [
                f"{s['attribute']} = {s['value']}" if s["attribute"] else "all",
                f"{s['scenarios']:,}",
                f"{s['families']:,}",
                _range(s["detectable"]),
            ]
            for s in found["slices"]
        ],
    )
    yield from _likeness(found)
    yield from _meaning(found)


def _range(ends: Sequence[float] | None) -> str:
    return " to ".join(margin(end, share=True) for end in ends) if ends else "-"


def _is_designed(facts: Mapping[str, Any], found: Mapping[str, Any]) -> bool:
    return bool(facts["strength"] == found["designed_strength"])


def _likeness(found: Mapping[str, Any]) -> Iterator[str]:
    near = found["near_duplicates"]
    yield "## Likeness"
    yield ""
    if not found["texts"]:
        yield "No texts to compare."
        return
    yield (
        f"Compared: {', '.join(found['texts'])}. {count(found['duplicates'], 'exact duplicate')}; "
        f"{count(near['pairs'], 'pair')} of near-duplicates ({near['at_least']:g} or more of their "
        f"runs of three words in common), among {count(near['scenarios'], 'scenario')}."
    )
    if near["most_alike"]:
        yield ""
        pairs = near["most_alike"][:_SHOWN]
        yield from _table(
            ["scenario", "is like", "share"], [[a, b, f"{s:.2f}"] for a, b, s in pairs]
        )


def _meaning(found: Mapping[str, Any]) -> Iterator[str]:
    """Yield the near-duplicates by embedding, where there are vectors."""
    near = found.get("near_duplicates_by_embedding")
    if near is None:
        return
    yield ""
    yield "## Likeness by embedding"
    yield ""
    yield (
        f"Embedded by {near['embedder']} ({near['dimensions']} dimensions): "
        f"{', '.join(near['texts'])}. {count(near['pairs'], 'pair')} with a cosine of "
        f"{near['at_least']:g} or more, among {count(near['scenarios'], 'scenario')}. "
        "`coverage_map.svg` shows what lies beside what."
    )
    if near["most_alike"]:
        yield ""
        listed = near["most_alike"]
        if near["pairs"] > _SHOWN:
            in_json = "" if len(listed) <= _SHOWN else f"; coverage.json lists {len(listed):,}"
            yield f"The {_SHOWN} most alike of {near['pairs']:,}{in_json}:"
            yield ""
        yield from _table(
            ["scenario", "is like", "cosine"], [[a, b, f"{c:.3f}"] for a, b, c in listed[:_SHOWN]]
        )


def _listed(found: Mapping[str, Any], key: str, title: str) -> Iterator[str]:
    for facts in found["tuples"]:
        items = facts.get(key, [])
        if not items or (
            key != "missing" and facts["strength"] > max(2, found["designed_strength"])
        ):
            continue
        total = facts["excluded"] if key != "missing" else facts["possible"] - facts["covered"]
        if key != "missing" and facts["strength"] > 2:
            continue  # they follow from the pairs, or stand in the JSON
        yield f"{title}, of {count(facts['strength'], 'attribute')}: {total:,}"
        yield ""
        for item in items[:_SHOWN]:
            yield "- " + ", ".join(f"{name} = {value}" for name, value in item.items())
        if total > _SHOWN:
            yield f"- and {total - _SHOWN:,} more"
        yield ""


def _percent(part: int, whole: int) -> str:
    if not whole:
        return "-"
    share = 100 * part / whole
    # 99.96 % is not all.
    return "100 %" if part == whole else f"{min(share, 99.9):.1f} %"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield "| " + " | ".join(map(_cell, heads)) + " |"
    yield "|" + "---|" * len(heads)
    for row in rows:
        yield "| " + " | ".join(map(_cell, row)) + " |"
    yield ""


def _cell(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")
