"""Every degenerate input has a verdict: no exception, no warning, no NaN."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import numpy as np
import pytest

from promptreg.stats.analysis import PairedResult, PairedScores, analyse

Make = Callable[..., PairedScores]
RATIO = {"higher_is_better": False, "kind": "count"}
STATISTICS: dict[str, dict[str, Any]] = {
    "mean": {},
    "ordinal": {"kind": "ordinal"},
    "binary": {"kind": "binary"},
    "count": {"kind": "count", "high": math.inf, "margin": 0.5},
    "ranks": {"statistic": "signed_ranks", **RATIO},
    "totals": {"statistic": "ratio_of_totals", **RATIO},
    "aggregate": {"statistic": "aggregate", "aggregate": lambda rows: float(rows.mean())},
}
ONE = np.zeros(20)
ONE[0] = 1
SHAPES: dict[str, tuple[Any, Any, Any]] = {
    "no scenario": ([], [], None),
    "one scenario, same": ([1], [1], None),
    "one scenario, worse": ([1], [0], None),
    "five scenarios, all worse": (np.ones(5), np.zeros(5), None),
    "five scenarios, same": (np.ones(5), np.ones(5), None),
    "all equal": (np.ones(30), np.ones(30), None),
    "all failed before": (np.zeros(30), np.ones(30), None),
    "all failed after": (np.ones(30), np.zeros(30), None),
    "all failed in both": (np.zeros(30), np.zeros(30), None),
    "uniform drop": (np.linspace(0.5, 1, 30), np.linspace(0.5, 1, 30) - 0.2, None),
    "one discordant": (np.ones(20), 1 - ONE, None),
    "one family": (np.linspace(0, 1, 9), np.linspace(1, 0.5, 9), np.zeros(9)),
    "one family, all worse": (np.ones(9), np.zeros(9), np.zeros(9)),
    "two families": (np.ones(8), np.zeros(8), np.arange(8) % 2),
    "families with gaps": (np.ones(8), np.ones(8), np.arange(8) * 1000),
    "repeats": (np.ones((6, 3)), np.tile([0.0, 1.0, 1.0], (6, 1)), None),
    "tiny": (np.full(12, 1e-300), np.full(12, 2e-300), None),
}


def assert_plain(result: PairedResult) -> None:
    for field in fields(result):
        value = getattr(result, field.name)
        for number in value if isinstance(value, tuple) else (value,):
            assert not isinstance(number, np.generic), field.name
            if isinstance(number, float):
                assert math.isfinite(number), f"{field.name} is {number}"
    assert 0 < result.p_value <= 1
    if result.low is not None and result.high is not None:
        assert result.low <= result.high


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("statistic", STATISTICS)
def test_has_a_verdict(paired: Make, statistic: str, shape: str, exact: bool) -> None:
    before, after, families = SHAPES[shape]
    metric = paired(before, after, families, **STATISTICS[statistic])
    companion = paired(np.linspace(0, 1, 12), np.linspace(1, 0, 12), name="companion")
    alone = analyse([metric], seed=1, draws=299, exact=exact)[0]
    joined = analyse([metric, companion], seed=1, draws=299, exact=exact)[0]
    for result in (alone, joined):
        assert_plain(result)
    if alone.n_clusters < 2:
        assert alone.verdict == "inconclusive"
    if alone.n_clusters < 6 and statistic != "binary":
        assert alone.verdict not in ("improved", "regressed")
    if shape in ("all equal", "all failed in both"):
        assert alone.p_value == 1
        assert alone.difference == 0
        assert alone.verdict in ("inconclusive", "equivalent")
    if shape == "uniform drop" and statistic not in ("binary", "count"):
        better = not metric.higher_is_better
        assert alone.verdict == ("improved" if better else "regressed")
        assert alone.p_value <= 2 * 2 / 300


def test_one_scenario_bounds_nothing(paired: Make) -> None:
    result = analyse([paired([1], [1], kind="binary")], seed=1)[0]
    assert (result.low, result.high, result.se) == (-1.0, 1.0, None)


def test_uniform_drop_of_pass_rates(paired: Make) -> None:
    result = analyse([paired(np.ones(30), np.zeros(30), kind="binary")], seed=1)[0]
    assert result.verdict == "regressed"
    assert result.low == -1
    assert result.discordant == (30, 0)


def test_p_value_of_a_uniform_drop_is_two_to_the_one_minus_g(paired: Make) -> None:
    result = analyse([paired(np.full(8, 0.8), np.full(8, 0.5))], seed=1)[0]
    assert result.p_value == 2 / 2**8
    assert result.effect_size == ("Cohen's d_z", None)
    assert result.se == 0


def test_six_families_can_be_accused_five_cannot(paired: Make) -> None:
    six = analyse([paired(np.ones(6), np.zeros(6))], seed=1)[0]
    five = analyse([paired(np.ones(5), np.zeros(5))], seed=1)[0]
    assert (six.p_value, five.p_value) == (2 / 2**6, 2 / 2**5)
    assert (six.verdict, five.verdict) == ("regressed", "inconclusive")
    assert any("too few" in note for note in five.notes)
    one = analyse([paired(np.ones(1), np.zeros(1))], seed=1)[0]
    assert "1 family: too few to accuse anything at this level" in one.notes


def test_a_count_without_limit_and_without_change_cannot_be_bounded(paired: Make) -> None:
    zero = np.zeros(500)
    result = analyse([paired(zero, zero, kind="count", high=math.inf, margin=0.5)], seed=1)[0]
    assert (result.low, result.high, result.verdict) == (None, None, "inconclusive")
    assert any("no upper limit" in note for note in result.notes)
    limited = analyse([paired(zero, zero, kind="count", high=20.0, margin=0.5)], seed=1)[0]
    assert limited.verdict == "equivalent"


@pytest.mark.parametrize("statistic", STATISTICS)
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_non_finite_scores_are_refused_by_name(paired: Make, statistic: str, bad: float) -> None:
    scores = np.ones((4, 2))
    scores[2, 1] = bad
    metric = paired(np.ones((4, 2)), scores, name="coverage", **STATISTICS[statistic])
    with pytest.raises(ValueError, match=r"'coverage'.*\(2, 1\)"):
        analyse([metric], seed=1)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"margin": 0.0}, "margin 0.0 must be above 0"),
        ({"statistic": "ratio_of_totals", "margin": math.nan}, "must be above 1"),
        ({"low": 2.0}, "range"),
        ({"aggregate": len}, "go together"),
        ({"statistic": "aggregate"}, "go together"),
        ({"high": 0.5}, r"outside \[0, 0.5\]"),
        ({"low": -math.inf}, "finite low"),
    ],
)
def test_malformed_metrics_are_refused(paired: Make, given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        analyse([paired(np.ones(8), np.ones(8), **given)], seed=1)


def test_malformed_calls_are_refused(paired: Make) -> None:
    good = paired(np.ones(8), np.ones(8))
    for metrics, settings, message in [
        ([good, good], {}, "given twice"),
        ([good], {"alpha": 0.0}, "alpha"),
        ([good], {"draws": 50}, "draws must be at least 199"),
        ([paired(np.ones(8), np.ones(7))], {}, "same scenarios"),
        ([paired(np.ones(8), np.ones(8), np.zeros(7))], {}, "one index per scenario"),
        ([paired(np.ones(8), np.ones(8), -np.ones(8))], {}, "negative"),
        ([paired(np.ones((8, 0)), np.ones((8, 0)))], {}, "no repeat"),
        ([paired(-np.ones(8), np.ones(8), statistic="ratio_of_totals")], {}, "at least 0"),
    ]:
        with pytest.raises(ValueError, match=message):
            analyse(metrics, seed=1, **settings)  # type: ignore[arg-type]
    assert analyse([], seed=1) == []


def test_scipy_stats_is_never_imported() -> None:
    code = (
        "import sys, importlib, pkgutil, promptreg.stats as package\n"
        "for m in pkgutil.iter_modules(package.__path__):\n"
        "    importlib.import_module('promptreg.stats.' + m.name)\n"
        "heavy = {'scipy.stats', 'pandas', 'statsmodels'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
