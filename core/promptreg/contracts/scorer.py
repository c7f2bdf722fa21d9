"""The contract of scorers."""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Iterator, Sequence
from typing import Any, get_args

from promptreg.contracts.asked import asked_alone, asked_together, batched
from promptreg.contracts.preferences import check_pairs
from promptreg.contracts.samples import odd_trials, other_truths, sample_trials, with_truth
from promptreg.contracts.values import one_line, shown
from promptreg.protocols import Scorer
from promptreg.records import Direction, Kind, Scale, Score, Statistic, Trial, Unscored

__all__ = [
    "check_batches",
    "check_ground_truth",
    "check_odd_trials",
    "check_same_twice",
    "check_scales",
    "check_scorer",
    "check_scores",
    "check_worst",
]

_NAME = re.compile(r"[a-z][a-z0-9_.:-]*\Z")
_RESERVED = "overall"
_RATIOS = ("signed_ranks", "ratio_of_totals")

Item = Score | Unscored


def check_scorer(scorer: Scorer, trials: Sequence[Trial] | None = None) -> list[str]:
    """Return what a scorer does wrong, one line each; empty if it keeps the contract.

    Args:
        scorer: the scorer.
        trials: trials it must be able to score; default: `sample_trials()`. Give your own where
            the scorer reads fields or ground truths that the samples do not have.
    """
    problems = check_scales(scorer)
    if problems:
        return problems
    problems += check_pairs(scorer, trials)
    for check in (check_scores, check_same_twice, check_batches, check_ground_truth, check_worst):
        problems += [p for p in check(scorer, trials) if p not in problems]
    return problems + [p for p in check_odd_trials(scorer) if p not in problems]


def check_scales(scorer: Scorer) -> list[str]:
    """Check `scales`: not empty, well named, unique, with sound ranges; and that methods exist."""
    able = callable(getattr(scorer, "score", None)) or batched(scorer)
    problems = [] if able else ["has no method score()"]
    if not callable(getattr(scorer, "worst", Scale.score)):
        problems.append("worst is no method; leave it out to get the worst end of the scale")
    scales: Any = getattr(scorer, "scales", None)
    if not isinstance(scales, Sequence) or isinstance(scales, str) or not scales:
        return [*problems, f"scales is {shown(scales)}; allowed: at least one promptreg.Scale"]
    seen: set[str] = set()
    for i, scale in enumerate(scales):
        if not isinstance(scale, Scale):
            problems.append(f"scales[{i}] is {shown(scale)}; allowed: a promptreg.Scale")
            continue
        problems += [f"scale {scale.name!r}: {p}" for p in _scale_problems(scale)]
        if scale.name in seen:
            problems.append(f"scale {scale.name!r}: two scales have this name")
        seen.add(scale.name)
    return problems


def check_scores(scorer: Scorer, trials: Sequence[Trial] | None = None) -> list[str]:
    """Check that each answered trial gets one `Score` or `Unscored` per scale, within its range."""
    problems: list[str] = []
    for trial in _answered(trials):
        before = copy.deepcopy(trial)
        problems += _score(scorer, trial)[1]
        if trial != before:
            problems.append(f"score() changed the trial of scenario {trial.scenario.id!r}")
    return list(dict.fromkeys(problems))


def check_same_twice(scorer: Scorer, trials: Sequence[Trial] | None = None) -> list[str]:
    """Check that the same trials get the same scores again, in the opposite order."""
    chosen = _answered(trials)
    first = [_score(scorer, trial)[0] for trial in chosen]
    again = [_score(scorer, trial)[0] for trial in reversed(chosen)][::-1]
    return [
        f"score() gave {_values(a)} and then {_values(b)} for scenario {trial.scenario.id!r}"
        for trial, a, b in zip(chosen, first, again, strict=True)
        if _values(a) != _values(b)
    ]


def check_batches(scorer: Scorer, trials: Sequence[Trial] | None = None) -> list[str]:
    """Check of a scorer that takes several trials at once: what they are batched with is all one.

    And that one whose models answer nothing says so, instead of raising or making up scores.
    """
    if not batched(scorer):
        return []
    chosen = _answered(trials)
    alone = [_score(scorer, trial)[0] for trial in chosen]
    problems = []
    for lost in (False, True):
        where = "score_batch()" + (" with models that answer nothing" if lost else "")
        try:
            made: Any = asked_together(scorer, chosen, down=lost)
        except (Exception, SystemExit) as e:  # noqa: BLE001 - a stranger's code may raise anything
            problems.append(f"{where} raised {one_line(e)}; return Unscored with the reason")
            continue
        if not isinstance(made, (list, tuple)) or len(made) != len(chosen):
            problems.append(f"{where} returned {shown(made)} for {len(chosen)} trials")
            continue
        for trial, items, expected in zip(chosen, made, alone, strict=True):
            found = list(items) if isinstance(items, (list, tuple)) else [items]
            if not lost and found != expected:
                problems.append(
                    f"{where} gave {_values(found)} among others and {_values(expected)} alone "
                    f"for scenario {trial.scenario.id!r}"
                )
    return problems


def check_ground_truth(scorer: Scorer, trials: Sequence[Trial] | None = None) -> list[str]:
    """Check that a score that depends on the ground truth is unscored where there is none.

    A score depends on it if another ground truth leads to another score of the same answer.
    """
    problems: list[str] = []
    depends: set[str] = set()
    chosen = _answered(trials)
    for trial in chosen:
        values = _by_scale(_score(scorer, trial)[0])
        for truth in other_truths(trial):
            others = _by_scale(_score(scorer, with_truth(trial, truth))[0])
            depends |= {name for name in values if others.get(name) != values[name]}
    for trial in chosen:
        items, found = _score(scorer, with_truth(trial, {}))
        problems += [f"without ground truth: {problem}" for problem in found]
        problems += [
            f"without ground truth, {item.scale.name!r} of scenario {trial.scenario.id!r} is "
            f"{item.value:g}; it depends on the ground truth, so it must be unscored"
            for item in items
            if isinstance(item, Score) and item.scale.name in depends
        ]
        problems += _worst_problems(scorer, with_truth(trial, {}))
    return list(dict.fromkeys(problems))


def check_worst(scorer: Scorer, trials: Sequence[Trial] | None = None) -> list[str]:
    """Check that what a failed trial counts as is within the scale's range, or None."""
    problems: list[str] = []
    for trial in sample_trials() if trials is None else trials:
        problems += _worst_problems(scorer, trial)
    return list(dict.fromkeys(problems))


def check_odd_trials(scorer: Scorer, trials: Sequence[Trial] | None = None) -> list[str]:
    """Check that answers and ground truths of unexpected types raise nothing, and score soundly."""
    problems: list[str] = []
    for trial in odd_trials() if trials is None else trials:
        found = [*_score(scorer, trial)[1], *_worst_problems(scorer, trial)]
        answer = shown(dict(trial.answer.fields)) if trial.answer else "none"
        truth = shown(dict(trial.scenario.ground_truth))
        problems += [f"{problem} (answer {answer}, ground truth {truth})" for problem in found]
    return list(dict.fromkeys(problems))


def _scale_problems(scale: Scale) -> Iterator[str]:
    if not _NAME.match(scale.name):
        yield "names are a lower-case letter, then lower-case letters, digits, '_', '.', ':', '-'"
    if scale.name == _RESERVED:
        yield "this name is kept for the composite of all metrics"
    for word, allowed in (
        (scale.kind, get_args(Kind)),
        (scale.direction, get_args(Direction)),
        (scale.statistic, get_args(Statistic)),
    ):
        if word not in allowed:
            yield f"{shown(word)} is unknown; allowed: {', '.join(allowed)}"
    if not math.isfinite(scale.low) or not (math.isfinite(scale.high) or scale.kind == "count"):
        yield f"the range {scale.low:g} to {scale.high:g} is not finite; only a count may be open"
    if scale.kind == "binary" and (scale.low, scale.high) != (0, 1):
        yield f"the range of a binary scale is 0 to 1, found {scale.low:g} to {scale.high:g}"
    least = 1.0 if scale.statistic in _RATIOS else 0.0
    if scale.margin is not None and not (math.isfinite(scale.margin) and scale.margin > least):
        yield f"the margin is {scale.margin:g}; allowed: a finite number above {least:g}, or None"


def _answered(trials: Sequence[Trial] | None) -> list[Trial]:
    return [t for t in (sample_trials() if trials is None else trials) if t.answered]


def _score(scorer: Scorer, trial: Trial) -> tuple[list[Item], list[str]]:
    """Return the sound scores of one trial, and what is wrong with the others."""
    where = f"score() of scenario {trial.scenario.id!r}"
    try:
        made: Any = asked_alone(scorer, trial) if batched(scorer) else scorer.score(trial)
    except (Exception, SystemExit) as e:  # noqa: BLE001 - a stranger's code may raise anything
        return [], [f"{where} raised {one_line(e)}; return Unscored with the reason instead"]
    items = list(made) if isinstance(made, (list, tuple)) else [made]
    if len(items) != len(scorer.scales):
        return [], [f"{where} returned {len(items)} scores for {len(scorer.scales)} scales"]
    sound: list[Item] = []
    problems: list[str] = []
    for item, scale in zip(items, scorer.scales, strict=True):
        problem = _item_problem(item, scale)
        if problem:
            problems.append(f"{where}: {problem}")
        else:
            sound.append(item)
    return sound, problems


def _item_problem(item: Any, scale: Scale) -> str:
    if not isinstance(item, (Score, Unscored)):
        return f"returned {shown(item)}; allowed: promptreg.Score or Unscored"
    if item.scale != scale:
        return f"the score is on the scale {item.scale.name!r}, where {scale.name!r} is due"
    if isinstance(item, Unscored):
        return "" if item.reason else f"{scale.name!r} is unscored without a reason"
    return _value_problem(item.value, scale, scale.name)


def _value_problem(value: Any, scale: Scale, what: str) -> str:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return f"{what!r} is {shown(value)}; allowed: a float"
    if isinstance(value, int) and abs(value) > 2**53:  # too large for a float, or not exact
        return f"{what!r} is {shown(value)}; allowed: a float"
    if not (math.isfinite(value) and scale.low <= value <= scale.high):
        return f"{what!r} is {value:g}; allowed: {scale.low:g} to {scale.high:g}"
    if scale.kind == "binary" and value not in (0, 1):
        return f"{what!r} is {value:g}; a binary score is 0 or 1"
    return ""


def _worst_problems(scorer: Scorer, trial: Trial) -> list[str]:
    problems: list[str] = []
    if not hasattr(scorer, "worst"):  # the scale's worst end is meant
        return problems
    for scale in scorer.scales:
        where = f"worst() of scenario {trial.scenario.id!r}"
        try:
            value = scorer.worst(trial.scenario, scale)
        except (Exception, SystemExit) as e:  # noqa: BLE001 - a stranger's code may raise anything
            problems.append(f"{where} raised {one_line(e)}; return None where it does not apply")
            continue
        problem = "" if value is None else _value_problem(value, scale, scale.name)
        if problem:
            problems.append(f"{where}: {problem}, or None")
    return problems


def _values(items: Sequence[Item]) -> list[float | str]:
    return [i.value if isinstance(i, Score) else "unscored" for i in items]


def _by_scale(items: Sequence[Item]) -> dict[str, float | str]:
    names = [item.scale.name for item in items]
    return dict(zip(names, _values(items), strict=True))
