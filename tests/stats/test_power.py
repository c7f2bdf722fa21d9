"""Planning formulas against published figures and their own definition."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from promptreg.stats.analysis import PairedScores, analyse
from promptreg.stats.power import (
    Variances,
    assumed,
    clusters_for_unseen,
    multiplier,
    plan_detectable,
    plan_scenarios,
    scenarios_for,
    split_variance,
)


def test_multipliers() -> None:
    assert multiplier(100) == pytest.approx(2.80, abs=0.005)
    assert multiplier(100, goal="equivalent") == pytest.approx(3.24, abs=0.005)
    assert multiplier(10) == pytest.approx(stats.t.ppf(0.975, 9) + stats.t.ppf(0.8, 9))
    assert multiplier(1) is None


@pytest.mark.parametrize(("n", "points"), [(30, 23), (100, 12.5), (400, 6.3)])
def test_smallest_visible_change_of_pass_rates_at_20_percent_discordance(
    n: int, points: float
) -> None:
    planned = plan_detectable(n, 1, "binary", discordance=0.20)
    assert planned is not None
    assert 100 * planned == pytest.approx(points, abs=0.5)


def test_smallest_visible_change_of_other_kinds() -> None:
    assert plan_detectable(100, 1, "ordinal", width=3.0) == pytest.approx(0.24, abs=0.005)
    assert plan_detectable(100, 1, "bounded") == pytest.approx(0.042, abs=0.001)
    assert plan_detectable(400, 1, "bounded") == pytest.approx(0.021, abs=0.001)
    assert plan_detectable(1) is None
    few, many = plan_detectable(100, n_clusters=10), plan_detectable(100)
    assert few is not None
    assert many is not None
    assert few > many
    with pytest.raises(ValueError, match="pilot"):
        plan_detectable(100, 1, "count")
    with pytest.raises(ValueError, match="repeats"):
        plan_detectable(100, 0)


def test_scenarios_for_five_points() -> None:
    # Pass rate at 20 % discordance: 844 to prove equivalence within 5 points, and
    # (2.80 / .05)**2 x .2 = 628 to prove no worse.
    pilot = Variances(0.2, 0.0)
    needed = plan_scenarios(0.05, goal="equivalent", variances=pilot)
    assert needed == pytest.approx(844, abs=5)
    assert plan_scenarios(0.05, variances=pilot) == pytest.approx(628, abs=2)
    planned = plan_detectable(628, variances=pilot)
    assert planned == pytest.approx(0.05, abs=1e-3)


def test_more_scenarios_never_use_the_observed_change(
    paired: Callable[..., PairedScores],
) -> None:
    rng = np.random.default_rng(1)
    noise = rng.normal(0, 0.25, 60)
    noise -= noise.mean()
    results = [
        analyse([paired(np.full(60, 0.5), np.clip(0.5 + noise + s, 0, 1))], seed=1)[0]
        for s in (0.0, -0.01, -0.02)
    ]
    assert {r.verdict for r in results} == {"inconclusive"}
    needed = [r.scenarios_needed for r in results]
    assert needed[0] is not None
    assert needed == pytest.approx([needed[0]] * 3, rel=0.05)
    se = results[0].se
    assert se is not None
    expected = math.ceil(60 * (multiplier(100) * se / 0.05) ** 2) - 60  # type: ignore[operator]
    assert needed[0] == pytest.approx(expected, abs=1)


def test_a_drop_near_the_margin_is_not_a_matter_of_more_scenarios(
    paired: Callable[..., PairedScores],
) -> None:
    rng = np.random.default_rng(3)
    noise = rng.normal(0, 0.1, 400)
    slight = np.clip(0.5 + 2.2 * (noise - noise.mean()) - 0.021, 0, 1)
    result = analyse([paired(np.full(400, 0.5), slight, margin=0.035)], seed=1)[0]
    assert result.verdict == "inconclusive"
    assert result.scenarios_needed is None
    assert any("lies near" in note for note in result.notes)


def test_scenarios_for_few_families_use_students_t() -> None:
    normal = scenarios_for(0.05, 1000, 1000, 0.005)
    assert normal == math.ceil(1000 * (2.8016 * 0.005 / 0.05) ** 2)
    by_family = scenarios_for(0.05, 100, 10, 0.02)
    assert by_family is not None
    assert by_family > 100 * (2.8016 * 0.02 / 0.05) ** 2
    assert scenarios_for(0.05, 10, 1, 0.02) is None
    assert scenarios_for(0.05, 10, 10, 0.0) == 1


def test_unseen_changes_need_enough_families() -> None:
    needed = clusters_for_unseen(0.05, 1.0)
    assert needed == 72
    assert 1 - 0.025 ** (1 / 72) <= 0.05 < 1 - 0.025 ** (1 / 71)
    assert clusters_for_unseen(0.05, math.inf) is None
    assert clusters_for_unseen(2.0, 1.0) == 1


def test_variance_split_recovers_its_parts() -> None:
    rng = np.random.default_rng(2)
    truth = rng.normal(0, 2, (5000, 1))
    before = rng.normal(0, 1, (5000, 4))
    after = truth + rng.normal(0, 3, (5000, 4))
    split = split_variance(before, after)
    assert split is not None
    assert split.scenario == pytest.approx(4, rel=0.1)
    assert split.repeat == pytest.approx(10, rel=0.05)
    assert split_variance(before[:, :1], after[:, :1]) is None
    assert split_variance(before[:1], after[:1]) is None


def test_assumptions_are_checked() -> None:
    assert assumed("binary", discordance=0.1).se(100, 1) == pytest.approx(math.sqrt(0.001))
    with pytest.raises(ValueError, match="discordance"):
        assumed("binary", discordance=0.0)
    with pytest.raises(ValueError, match="margin"):
        plan_scenarios(0.0)
