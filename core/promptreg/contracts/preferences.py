"""The contract of scorers of pairs."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from promptreg.contracts.samples import sample_trials
from promptreg.contracts.services import FakeServices
from promptreg.contracts.values import one_line, shown
from promptreg.protocols import Pair
from promptreg.records import Answer, Preference, Trial, Unscored

__all__ = ["check_pairs"]

Item = Preference | Unscored


def check_pairs(scorer: Any, trials: Sequence[Trial] | None = None) -> list[str]:
    """Check of a scorer of pairs that it says the opposite where the sides are exchanged.

    And that its shares are sound, that what a pair is batched with is all one, and that one whose
    models answer nothing says so, instead of raising or making up a winner.
    """
    if not callable(getattr(scorer, "score_pairs", None)):
        return []
    scales = list(scorer.scales)
    if len(scales) != 1 or (scales[0].low, scales[0].high) != (0, 1):
        return [f"scales is {shown(scales)}; a scorer of pairs has one scale, from 0 to 1"]
    answered = [t for t in (sample_trials() if trials is None else trials) if t.answered]
    pairs = [Pair(trial, _other(trial)) for trial in answered]
    problems: list[str] = []
    forth = _asked(scorer, pairs, problems)
    back = _asked(scorer, [Pair(p.candidate, p.baseline) for p in pairs], problems)
    alone = [item for pair in pairs for item in _asked(scorer, [pair], problems)]
    _asked(scorer, pairs, problems, down=True)
    if problems:
        return list(dict.fromkeys(problems))
    for pair, one, two, by_itself in zip(pairs, forth, back, alone, strict=True):
        where = f"of scenario {pair.scenario.id!r}"
        if _sides(one) != _sides(two)[::-1]:
            problems.append(
                f"score_pairs() {where} said {_sides(one)}, and {_sides(two)} with the sides "
                "exchanged; it must say the opposite"
            )
        if _sides(one) != _sides(by_itself):
            problems.append(
                f"score_pairs() {where} said {_sides(one)} among others and {_sides(by_itself)} "
                "alone"
            )
    return problems


def _other(trial: Trial) -> Trial:
    fields = dict(trial.answer.fields) if trial.answer else {}
    return replace(trial, answer=Answer({**fields, "reasoning": "Nothing to be seen."}))


def _asked(
    scorer: Any, pairs: Sequence[Pair], problems: list[str], *, down: bool = False
) -> list[Item]:
    """Return what the scorer says of pairs; what is wrong with it goes to `problems`."""
    where = "score_pairs()" + (" with models that answer nothing" if down else "")
    try:
        made: Any = asyncio.run(scorer.score_pairs(tuple(pairs), FakeServices(down=down)))
    except (Exception, SystemExit) as e:  # noqa: BLE001 - a stranger's code may raise anything
        problems.append(f"{where} raised {one_line(e)}; return Unscored with the reason")
        return []
    if not isinstance(made, (list, tuple)) or len(made) != len(pairs):
        problems.append(f"{where} returned {shown(made)} for {len(pairs)} pairs")
        return []
    for item in made:
        if isinstance(item, Unscored):
            problems += [] if item.reason else [f"{where}: unscored without a reason"]
        elif not isinstance(item, Preference):
            problems.append(f"{where} returned {shown(item)}; allowed: Preference or Unscored")
        elif not _sound(item):
            problems.append(
                f"{where} said {_sides(item)}; allowed: shares from 0 to 1 that sum up to 1 at most"
            )
    return list(made)


def _sound(item: Preference) -> bool:
    shares = (item.baseline, item.candidate)
    return all(math.isfinite(s) and 0 <= s <= 1 for s in shares) and sum(shares) <= 1 + 1e-9


def _sides(item: Item) -> tuple[float | str, ...]:
    return (item.baseline, item.candidate) if isinstance(item, Preference) else ("unscored",) * 2
