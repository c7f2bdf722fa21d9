"""The composite of blocks of scores."""

from __future__ import annotations

import numpy as np
import pytest

from promptreg.stats.composite import Unit, composite

NAN = float("nan")


def unit(values: list[list[float]], **given: object) -> Unit:
    settings = {"low": 0.0, "high": 1.0, "higher_is_better": True} | given
    return Unit(np.array(values), **settings)  # type: ignore[arg-type]


def test_members_are_mapped_and_averaged_by_block() -> None:
    blocks = {
        "risk": [
            unit([[1.0], [0.0]]),
            unit(
                [[10.0], [50.0]], high=100.0, higher_is_better=False, worst=np.array([40.0, 50.0])
            ),
        ],
        "coverage": [unit([[0.5], [0.2]])],
        "judge": [unit([[4.0], [1.0]], low=1.0, high=4.0), unit([[2.5], [2.5]], low=1.0, high=4.0)],
    }
    risk, judge = [(1 + 0.75) / 2, 0.0], [0.75, 0.25]
    expected = [[(risk[0] + 0.5 + judge[0]) / 3], [(risk[1] + 0.2 + judge[1]) / 3]]
    assert composite(blocks) == pytest.approx(np.array(expected))
    weighted = composite(blocks, {"risk": 2, "coverage": 1, "judge": 1})
    assert weighted[0, 0] == pytest.approx((2 * risk[0] + 0.5 + judge[0]) / 4)


def test_what_does_not_apply_drops_out() -> None:
    blocks = {
        "a": [unit([[1.0, NAN]]), unit([[0.0, 0.4]])],
        "b": [unit([[NAN, 0.8]])],
    }
    assert composite(blocks) == pytest.approx(np.array([[0.5, 0.6]]))
    assert composite(blocks, {"a": 1, "b": 3}) == pytest.approx(np.array([[0.5, 0.7]]))
    nothing = composite({"a": [unit([[NAN], [1.0]])]})
    assert np.isnan(nothing[0, 0])
    assert nothing[1, 0] == 1


def test_values_beyond_their_range_are_cut_and_a_range_of_no_width_is_perfect() -> None:
    assert composite({"a": [unit([[1.5, -0.5]])]}).tolist() == [[1.0, 0.0]]
    whole_range = unit([[0.0]], high=100.0, higher_is_better=False, worst=np.array([0.0]))
    assert composite({"a": [whole_range]}).tolist() == [[1.0]]


def test_malformed_composites_are_refused() -> None:
    good = unit([[1.0]])
    with pytest.raises(ValueError, match="at least one block"):
        composite({})
    with pytest.raises(ValueError, match="every block"):
        composite({"a": []})
    with pytest.raises(ValueError, match="weights are for"):
        composite({"a": [good]}, {"b": 1})
    with pytest.raises(ValueError, match="not all 0"):
        composite({"a": [good]}, {"a": 0})
    with pytest.raises(ValueError, match="common shape"):
        composite({"a": [good, unit([[1.0, 1.0]])]})
    with pytest.raises(ValueError, match="finite"):
        composite({"a": [unit([[1.0]], high=float("inf"))]})
