"""The suite as tests, for `pytest examples/home_security`.

They run on the recorded completions, without a model, and they fail: the edit of `basic` broke
edge cases and made levels contradict scores. That is what the recording shows, so these failures
are true.
"""

from __future__ import annotations

import pytest


@pytest.mark.promptreg(
    suite="../promptreg.yaml",
    baseline="v1",
    candidate="v2",
    template="basic",
    slices=["scenario_type"],
    inconclusive="skip",
)
def test_edit_makes_nothing_worse():
    """One test for all scenarios, and one for each scenario type."""


def test_weapons_raise_an_alarm(evaluate_prompt, promptreg_scenarios):
    """A weapon in somebody's hand is a threat, whatever else is in the picture."""
    for scenario in promptreg_scenarios[
        promptreg_scenarios.family == "weapon_in_hand"
    ].itertuples():
        result = evaluate_prompt("basic@v2", scenario)
        assert result.risk_score >= 60


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_nobody_is_woken_for_a_delivery(evaluate_prompt, scenario_by_type, version):
    """Most deliveries are told from harmless; a single answer proves nothing about a model."""
    normal = scenario_by_type["normal"]
    deliveries = normal[normal.story == "delivery"]
    results = evaluate_prompt.many(f"basic@{version}", deliveries.itertuples())
    calm = [result for result in results if result.risk_score < 60]
    assert len(calm) >= 0.8 * len(deliveries)
