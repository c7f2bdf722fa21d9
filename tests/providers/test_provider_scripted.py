"""The scripted provider: same answers everywhere, in any order."""

from __future__ import annotations

import json
from statistics import fmean, pstdev
from typing import Any

import pytest

from promptreg import Call, CallError, Prompt
from promptreg_providers.scripted import Scripted


def _call(scenario: str = "s", version: str = "v1", repeat: int = 0) -> Call:
    return Call(Prompt("p"), version=version, scenario_id=scenario, repeat=repeat)


async def _risk(provider: Scripted, call: Call) -> int:
    value: int = json.loads((await provider.complete(call)).text)["risk_score"]
    return value


async def test_most_specific_text_wins() -> None:
    provider = Scripted(
        text="any", by_version={"v2": "two", "v3": {"s": "three s"}}, by_scenario={"s": "s"}
    )
    said = [
        (await provider.complete(_call(s, v))).text
        for s, v in [("x", "v1"), ("s", "v1"), ("s", "v2"), ("s", "v3"), ("x", "v3")]
    ]
    assert said == ["any", "s", "two", "three s", "any"]


async def test_draws_depend_on_the_trial_and_the_seed_alone() -> None:
    calls = [_call(f"s{i}", repeat=i % 2) for i in range(20)]
    first = [await _risk(Scripted(noise=9), c) for c in calls]
    backwards = [await _risk(Scripted(noise=9), c) for c in reversed(calls)]
    assert first == backwards[::-1]
    assert first != [await _risk(Scripted(noise=9, seed=1), c) for c in calls]


async def test_noise_and_shift_are_in_points() -> None:
    provider = Scripted(centres={f"s{i}": 50 for i in range(400)}, shift={"v2": 10}, noise=5)
    one = [await _risk(provider, _call(f"s{i}")) for i in range(400)]
    two = [await _risk(provider, _call(f"s{i}", "v2")) for i in range(400)]
    assert fmean(one) == pytest.approx(50, abs=1)
    assert fmean(two) == pytest.approx(60, abs=1)
    assert pstdev(one) == pytest.approx(5, abs=1)


@pytest.mark.parametrize(
    ("centre", "level"),
    [(0, "low"), (29, "low"), (30, "medium"), (60, "high"), (85, "critical"), (100, "critical")],
)
async def test_level_fits_the_score(centre: float, level: str) -> None:
    answer = json.loads((await Scripted(centres={"s": centre}).complete(_call())).text)
    assert (answer["risk_score"], answer["risk_level"]) == (centre, level)


async def test_the_same_calls_fail_every_time() -> None:
    async def failing() -> list[str]:
        provider = Scripted(text="x", fail_every=4, fail_cause="network")
        failed: list[str] = []
        for i in range(200):
            try:
                await provider.complete(_call(f"s{i}"))
            except CallError as e:
                failed.append(f"{i} {e.cause}")
        return failed

    failed = await failing()
    assert failed == await failing()
    assert 25 < len(failed) < 75
    assert all(one.endswith(" network") for one in failed)


@pytest.mark.parametrize(
    "settings",
    [
        {"noise": -1},
        {"fail_every": 0},
        {"fail_cause": "boredom"},
        {"centres": {"s": 101}},
        {"latency_s": float("nan")},
    ],
)
def test_wrong_settings_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(settings))):
        Scripted(**settings)


def test_every_setting_is_in_the_identity() -> None:
    assert Scripted.synthetic
    assert Scripted(noise=1).identity() != Scripted(noise=2).identity()
    assert json.dumps(Scripted(by_version={"v": "t"}).identity())
