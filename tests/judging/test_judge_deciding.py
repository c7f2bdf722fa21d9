"""Verdicts by labels: their errors are those of the gate, whatever the judge likes."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from comparison_factory import difference
from promptreg.pipeline.judging.deciding import decided_by_people, undecided_because
from promptreg.stats.analysis import PairedScores, analyse
from promptreg.stats.multiplicity import shared_out
from promptreg.stats.ppi import Corrected, corrected_mean
from promptreg.verdicts import CorrectedDifference, Difference, Missing, Slice, Verdict

N, LABELLED = 300, 80
JUDGED = ("relevance", "actionability")
PLAIN = ("in_range", "deviation")


def shown(found: Corrected) -> CorrectedDifference:
    return CorrectedDifference(
        found.value, (found.low, found.high), 0.95, found.labelled, found.weight, "l.csv", "0" * 64
    )


def line(metric: str, **values: object) -> Difference:
    row = (metric, "bounded", "", "higher_is_better", 3.0, 0.0, 0.1, 0.25)
    equal = {"missing": Missing(0, 0), "verdict": Verdict.INCONCLUSIVE, "ratio": None}
    made = difference("basic", row, verdict=Verdict.INCONCLUSIVE, gating=True)  # type: ignore[arg-type]
    return replace(made, **(equal | values))  # type: ignore[arg-type]


def one_comparison(
    rng: np.random.Generator, change: float, flattery: float
) -> tuple[Difference, ...]:
    """Compare once: two judged metrics change by so much in truth, two others do not change."""
    families = np.arange(N)
    some = rng.permutation(N)[:LABELLED]
    rest = np.setdiff1d(families, some)
    scores, found = [], {}
    common = rng.normal(0, 0.5, N)
    for metric in (*JUDGED, *PLAIN):
        judged = metric in JUDGED
        truth = (change if judged else 0.0) + common + rng.normal(0, 0.6, N)
        seen = truth + (flattery + rng.normal(0, 0.4, N) if judged else 0.0)
        scores.append(
            PairedScores(
                name=metric,
                kind="bounded",
                baseline=np.zeros((N, 1)),
                candidate=seen[:, None],
                families=families,
                low=-9.0,
                high=9.0,
                higher_is_better=True,
                margin=0.25,
                statistic="mean",
                gating=True,
            )
        )
        if judged:
            c = corrected_mean(truth[some], seen[some], seen[rest], some, rest, span=9.0)
            found["basic", metric] = c, shown(c)
    lines = [
        line(
            r.name,
            difference=r.difference,
            interval=(r.low, r.high),
            p_value=r.p_value,
            p_adjusted=r.p_adjusted,
            verdict=Verdict(r.verdict),
        )
        for r in analyse(scores, draws=999, seed=int(rng.integers(1 << 30)))
    ]
    return decided_by_people(lines, found, alpha=0.05)


ACCUSED = (Verdict.REGRESSED, Verdict.IMPROVED)


@pytest.mark.parametrize(
    "flattery",
    [pytest.param(0.0, marks=pytest.mark.slow), 0.3, pytest.param(-0.4, marks=pytest.mark.slow)],
)
def test_false_accusations_of_all_lines_together_stay_below_alpha(flattery: float) -> None:
    rng = np.random.default_rng(11)
    draws = 800
    false = sum(
        any(d.verdict in ACCUSED for d in one_comparison(rng, 0.0, flattery)) for _ in range(draws)
    )
    assert false / draws <= 0.05 + 2.5 * math.sqrt(0.05 * 0.95 / draws)


def test_harm_that_the_judge_hides_is_found_and_none_is_acquitted() -> None:
    """The truth is at -0.4; a judge that adds 0.4 sees nothing."""
    rng = np.random.default_rng(12)
    draws, accused, acquitted, deceived = 150, 0, 0, 0
    for _ in range(draws):
        for d in one_comparison(rng, -0.4, 0.4)[: len(JUDGED)]:
            assert d.corrected is not None
            assert d.corrected.alone is not None
            deceived += d.corrected.alone.verdict in (Verdict.EQUIVALENT, Verdict.NO_WORSE)
            accused += d.verdict is Verdict.REGRESSED
            acquitted += d.verdict.proven
    assert deceived > 0.85 * 2 * draws
    assert accused > 0.8 * 2 * draws
    assert acquitted <= 0.025 * 2 * draws + 3


@pytest.mark.slow
def test_acquittals_at_the_margin_err_as_seldom_as_they_say() -> None:
    rng = np.random.default_rng(13)
    draws, acquitted = 1_000, 0
    for _ in range(draws):
        found = one_comparison(rng, -0.25, 0.3)[: len(JUDGED)]
        acquitted += sum(d.verdict.proven and d.verdict is not Verdict.IMPROVED for d in found)
    rate = acquitted / (2 * draws)
    assert rate <= 0.025 + 3 * math.sqrt(0.025 * 0.975 / draws)


def test_the_error_is_shared_out_by_numbers() -> None:
    assert shared_out([0.01, 0.2], []) == ([0.01, 0.2], [])
    assert shared_out([], [0.01, 0.2]) == ([], [0.02, 0.2])
    jointly, apart = shared_out([0.01, 0.2, 0.9], [0.01])
    assert jointly == pytest.approx([0.01 * 4 / 3, 0.2 * 4 / 3, 1.0])
    assert apart == pytest.approx([0.04])


def test_slices_and_metrics_without_labels_keep_what_they_have() -> None:
    c = _corrected()
    where = Slice("scenario_type", "threat")
    lines = [
        line("relevance", p_value=0.5, p_adjusted=0.5),
        replace(line("relevance", p_adjusted=None, gating=False), slice=where),
        line("in_range", p_value=0.004, p_adjusted=0.02, verdict=Verdict.REGRESSED),
        line("latency", gating=False, p_adjusted=None),
    ]
    key = ("basic", "relevance")
    found = decided_by_people(lines, {key: (c, shown(c))}, alpha=0.05)
    assert found[1] == lines[1]
    assert found[3] == lines[3]
    assert found[2] == replace(lines[2], p_adjusted=0.04)
    assert decided_by_people(lines, {}, alpha=0.05) == tuple(lines)
    weak = replace(lines[2], p_adjusted=0.04, interval=(-0.4, -0.01), margin=0.05)
    (_, demoted) = decided_by_people([lines[0], weak], {key: (c, shown(c))}, alpha=0.05)
    assert demoted.p_adjusted == 0.08
    assert demoted.verdict is Verdict.INCONCLUSIVE
    assert demoted.suspect


def _corrected() -> Corrected:
    rng = np.random.default_rng(1)
    truth = rng.normal(0, 1, N)
    judge = truth + rng.normal(0, 0.5, N)
    some, rest = np.arange(LABELLED), np.arange(LABELLED, N)
    return corrected_mean(truth[some], judge[some], judge[rest], some, rest, span=3.0)


def test_why_labels_do_not_decide() -> None:
    c = _corrected()
    plain = line("relevance")
    assert undecided_because(plain, c) == ""
    assert "drawn at random" in undecided_because(plain, replace(c, representative=False))
    assert undecided_because(plain, replace(c, families=7)) == (
        "labels are of 7 families; 8 are needed"
    )
    lost = replace(plain, missing=Missing(0, 1))
    assert undecided_because(lost, c).startswith("1 trial failed or not graded")


def test_agreement_on_few_changes_is_no_proof() -> None:
    """Forty scenarios on which nobody saw a change hide one that is as rare as 9 in 100."""
    zeros, families = np.zeros(40), np.arange(200)
    found = corrected_mean(zeros, zeros, np.zeros(160), families[:40], families[40:], span=3.0)
    share = 1 - 0.025 ** (1 / 40)
    assert (found.low, found.high) == pytest.approx((-3 * share, 3 * share))
    assert (found.value, found.p_value) == (0.0, 1.0)
    assert found.hidden == pytest.approx(3 * share)
    unguarded = corrected_mean(zeros, zeros, np.zeros(160), families[:40], families[40:])
    assert (unguarded.low, unguarded.high) == (0.0, 0.0)
    same = corrected_mean(
        np.full(40, -1.0), np.full(40, -1.0), np.empty(0), families[:40], families[:0], span=3.0
    )
    assert same.high < 0
    assert same.p_value == 2.0**-39
    assert _corrected().hidden == 0.0


def test_the_p_value_is_that_of_the_interval() -> None:
    rng = np.random.default_rng(3)
    for _ in range(200):
        truth = rng.normal(rng.normal(0, 0.2), 1, N)
        judge = truth + rng.normal(0, 0.5, N)
        some = rng.permutation(N)[:LABELLED]
        rest = np.setdiff1d(np.arange(N), some)
        c = corrected_mean(truth[some], judge[some], judge[rest], some, rest, span=9.0)
        assert (c.p_value <= 0.05) == (c.low > 0 or c.high < 0)
