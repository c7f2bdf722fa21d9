"""How the looks ended, in one line and in JSON."""

from __future__ import annotations

from dataclasses import replace

import pytest

from comparison_factory import make_comparison
from promptreg import numbers
from promptreg.stages.report import comparison_json, digest
from promptreg.verdicts import Look, Stopping, StopReason

LOOKS = (
    Look(100, 1, 300, 0.999985, 1.5e-5, None),
    Look(200, 1, 600, 0.997, 0.003, 2.96),
)
EARLY = Stopping(StopReason.REGRESSION, 4, LOOKS, 1, 1200, 600, 600)


@pytest.mark.parametrize(
    ("stopping", "words"),
    [
        (EARLY, "stopped at look 2 of 4 (regression): 600 of 1,200 calls saved"),
        (
            replace(EARLY, reason=StopReason.FUTILITY, calls_saved=412),
            "stopped at look 2 of 4 (futility): 600 of 1,200 trials not needed, 412 calls saved",
        ),
        (
            replace(EARLY, calls_saved=0),
            "stopped at look 2 of 4 (regression): 600 of 1,200 trials not needed",
        ),
        (
            replace(EARLY, reason=StopReason.END, looks_planned=2, trials_made=1200),
            "2 of 2 looks made: no planned trial left out",
        ),
        (
            replace(EARLY, looks=(*LOOKS, replace(LOOKS[1], repeats=3)), trials_made=1000),
            "stopped at look 3 of 4 (regression): 200 of 1,200 trials not needed, 600 calls saved; "
            "inconclusive at 1 repeat, so each scenario was asked 3 times",
        ),
    ],
)
def test_one_line_says_it(stopping: Stopping, words: str) -> None:
    assert digest.stopping(replace(make_comparison(), stopping=stopping)) == words


def test_without_looks_there_is_nothing_to_say() -> None:
    assert digest.stopping(make_comparison()) == ""
    assert comparison_json(make_comparison())["stopping"] is None


def test_json_holds_every_look() -> None:
    found = comparison_json(replace(make_comparison(), stopping=EARLY))["stopping"]
    assert found["reason"] == "regression"
    assert found["early"] is True
    assert [look["boundary"] for look in found["looks"]] == [None, 2.96]
    assert [look["trials"] for look in found["looks"]] == [300, 600]


@pytest.mark.parametrize(
    ("level", "text"),
    [
        (0.95, "95%"),
        (0.9, "90%"),
        (0.9693, "97%"),
        (0.98375, "98.4%"),
        (0.9999853, "99.9985%"),
        (1 - 2.5e-9, "99.99999975%"),
    ],
)
def test_levels_are_never_rounded_to_certainty(level: float, text: str) -> None:
    assert numbers.level(level) == text
