"""Slips in scenarios and their ground truth."""

from __future__ import annotations

import difflib
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from promptreg.numbers import count
from promptreg.records import Scenario, ScenarioSet
from promptreg.stages.lint.findings import Finding, few

__all__ = ["lint_scenarios"]

BANDS = ((0, 29), (30, 59), (60, 84), (85, 100))
_HUGE_SHARE = 0.25
_ENOUGH = 8
_POINTS = ("key_points", "reasoning_key_points")
_ALMOST = 0.88
"""From this likeness on a name is taken for another one's misspelling: `risk_ranges`."""


def lint_scenarios(
    scenarios: ScenarioSet,
    truths: Collection[str] = (),
    bands: Sequence[tuple[float, float]] = BANDS,
) -> list[Finding]:
    """Return slips that no template is to blame for.

    Args:
        scenarios: the whole set.
        truths: names of ground truth that mean something.
        bands: the lowest and highest points of each risk level.
    """
    where = scenarios.source
    rows = scenarios.scenarios
    return [
        *_misspelt(rows, truths, where),
        *_ranges(rows, bands, where),
        *_points(rows, where),
        *_families(rows, where),
        *_attributes(rows, where),
        *_images(rows, where),
    ]


def _misspelt(rows: Sequence[Scenario], truths: Collection[str], where: str) -> Iterator[Finding]:
    """Find names in ground truth that stand where one almost the same is missing."""
    holders: dict[str, list[Scenario]] = defaultdict(list)
    for scenario in rows:
        for name in scenario.ground_truth:
            holders[name].append(scenario)
    for name, held in holders.items():
        if name in truths:
            continue
        known = {n for n in holders if len(holders[n]) > len(held)}.union(truths)
        for meant in difflib.get_close_matches(name, sorted(known), n=1, cutoff=_ALMOST):
            ids = [s.id for s in held if meant not in s.ground_truth]
            if ids:
                message = (
                    f"ground_truth: {name!r} (did you mean {meant!r}?) in {_in(ids)}, where there "
                    f"is no {meant!r}; scorers that need it leave such a scenario out"
                )
                yield Finding("warning", "misspelt-truth", where, message)


def _ranges(
    rows: Sequence[Scenario], bands: Sequence[tuple[float, float]], where: str
) -> Iterator[Finding]:
    across: list[str] = []
    whole: list[str] = []
    gaps: list[str] = []
    for scenario in rows:
        pair = scenario.ground_truth.get("risk_range")
        if not isinstance(pair, (list, tuple)) or len(pair) != 2:
            continue
        low, high = pair
        touched = [b for b in bands if low <= b[1] and high >= b[0]]
        if (low, high) == (bands[0][0], bands[-1][1]):
            whole.append(scenario.id)
        elif len(touched) > 1 and not _levels_told(scenario, len(touched)):
            across.append(scenario.id)
        elif not touched:
            gaps.append(scenario.id)
    shown = ", ".join(f"{low:g}-{high:g}" for low, high in bands)
    if across:
        message = (
            f"risk_range crosses the levels {shown} in {_in(across)}; a score in range may then "
            "carry a level that is not meant"
        )
        yield Finding("warning", "range-across-levels", where, message)
    if gaps:
        message = f"risk_range lies between the levels {shown} in {_in(gaps)}"
        yield Finding("warning", "range-between-levels", where, message)
    if whole:
        message = f"risk_range is the whole scale, which no score misses, in {_in(whole)}"
        yield Finding("warning", "range-of-everything", where, message)


def _levels_told(scenario: Scenario, touched: int) -> bool:
    """Return whether the ground truth names a level for each that the range touches."""
    levels = scenario.ground_truth.get("risk_levels")
    return isinstance(levels, (list, tuple)) and len(set(map(str, levels))) == touched


def _in(ids: Sequence[str]) -> str:
    return f"{count(len(ids), 'scenario')} ({few(ids)})"


def _points(rows: Sequence[Scenario], where: str) -> Iterator[Finding]:
    texts: dict[str, list[str]] = defaultdict(list)
    letters: dict[str, list[str]] = defaultdict(list)
    empty: dict[str, list[str]] = defaultdict(list)
    for scenario in rows:
        for name in _POINTS:
            points: Any = scenario.ground_truth.get(name)
            if isinstance(points, str):
                texts[name].append(scenario.id)
            elif isinstance(points, (list, tuple)):
                if not points or any(not p.strip() for p in points):
                    empty[name].append(scenario.id)
                if any(len(p.strip()) == 1 for p in points):
                    letters[name].append(scenario.id)
    for name, ids in texts.items():
        message = (
            f"{name} is a text, not a list, in {_in(ids)}; gone through point by point it is "
            "single letters, which every answer holds"
        )
        yield Finding("error", "points-are-text", where, message)
    for name, ids in letters.items():
        message = f"{name} holds single letters in {_in(ids)}; was a text turned into a list?"
        yield Finding("warning", "single-letter-point", where, message)
    for name, ids in empty.items():
        message = f"{name} is empty, or holds an empty text, in {_in(ids)}"
        yield Finding("info", "empty-points", where, message)


def _families(rows: Sequence[Scenario], where: str) -> Iterator[Finding]:
    sizes = Counter(s.family for s in rows)
    name, size = sizes.most_common(1)[0]
    if len(rows) < _ENOUGH or size == 1:
        return
    if len(sizes) == 1:
        message = f"all scenarios are of the one family {name!r}; nothing can be inferred from one"
        yield Finding("error", "one-family", where, message)
    elif size > _HUGE_SHARE * len(rows):
        message = (
            f"the family {name!r} holds {size} of {len(rows)} scenarios; families are the units of "
            f"evidence, and there are {len(sizes)}"
        )
        yield Finding("warning", "huge-family", where, message)


def _attributes(rows: Sequence[Scenario], where: str) -> Iterator[Finding]:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for scenario in rows:
        for name, word in scenario.attributes.items():
            counts[name][word] += 1
    for name, words in counts.items():
        single = sorted(w for w, n in words.items() if n == 1)
        if single and len(rows) >= _ENOUGH:
            message = (
                f"{name}: {few(single)} stands for one scenario only; such a slice says nothing"
            )
            yield Finding("warning", "single-scenario-slice", where, message)
        folded: dict[str, list[str]] = defaultdict(list)
        for word in words:
            folded[word.strip().casefold()].append(word)
        for same in folded.values():
            if len(same) > 1:
                message = (
                    f"{name}: {' and '.join(map(repr, sorted(same)))} differ in case or blanks"
                )
                yield Finding("warning", "almost-same-value", where, message)


def _images(rows: Sequence[Scenario], where: str) -> Iterator[Finding]:
    gone = [f"{s.id} ({p})" for s in rows for p in s.images if not Path(p).is_file()]
    if gone:
        message = f"{count(len(gone), 'image')} not found: {few(gone)}"
        yield Finding("error", "missing-image", where, message)
