"""`judge agreement`: a judge against people, and a difference of versions without its bias."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from promptreg.errors import NotComparableError
from promptreg.pipeline.judging.consistency import consistency
from promptreg.pipeline.judging.human import Laid, lay
from promptreg.records import Outcome, Run
from promptreg.stages.load import Label
from promptreg.stats.agreement import (
    Agreement,
    Bias,
    krippendorff_alpha,
    mean_difference,
    weighted_kappa,
)
from promptreg.stats.ppi import Corrected, corrected_mean

__all__ = ["LEAST", "DimensionReport", "JudgeReport", "judge_agreement"]

LEAST = 40
"""Labelled scenarios below which nothing is corrected: the interval would be a guess."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class DimensionReport:
    """One dimension.

    Attributes:
        metric: its name.
        margin: of its scale.
        higher_is_better: of its scale.
        kappa: quadratic weighted kappa of the judge and the mean of people.
        alpha: Krippendorff's alpha of the judge and everybody.
        people: the same among people; None for one person.
        itself: the same of the judge with itself; None where it was asked once.
        bias: judge minus people, one per run.
        difference: what the judge says of candidate minus baseline; None for one run.
        corrected: the same corrected by the labels; None where they are too few.
        note: why not.
    """

    metric: str
    margin: float | None
    higher_is_better: bool
    kappa: Agreement
    alpha: Agreement
    people: Agreement | None
    itself: Agreement | None
    bias: tuple[Bias, ...]
    difference: Bias | None = None
    corrected: Corrected | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class JudgeReport:
    """A judge against people; `left_out` labels were of other versions, or fitted nothing."""

    runs: tuple[Run, ...]
    dimensions: tuple[DimensionReport, ...]
    labels: int
    left_out: int


def judge_agreement(
    runs: Sequence[Run],
    labels: Sequence[Label],
    *,
    alpha: float = 0.05,
    seed: int = 0,
    strict: bool = True,
) -> JudgeReport:
    """Return how far a judge agrees with people, on each dimension that anybody labelled.

    Args:
        runs: one, or baseline and candidate of one template.
        labels: what people say; those of other versions are counted and left out. For the
            corrected difference they must be of a random part of the scenarios.
        alpha: 1 - confidence level.
        seed: of the resampling.
        strict: raise for labels that fit nothing; else they are left out and counted, and whether
            the runs compare is the caller's to know.

    Raises:
        NotComparableError: the runs are of different templates, or judged differently.
        DataError: a label fits nothing.
        UsageError: no label is of these runs.
    """
    if strict:
        _check(runs)
    laid, left_out = lay(runs, labels, strict=strict)
    itself = consistency(runs, alpha=alpha, seed=seed)
    names = [n for n in runs[0].columns if any(n in by_metric for by_metric in laid)]
    return JudgeReport(
        tuple(runs),
        tuple(
            _dimension(
                name,
                runs,
                [by_metric.get(name) for by_metric in laid],
                itself[name].itself if name in itself else None,
                alpha,
                seed,
            )
            for name in names
        ),
        len(labels) - left_out,
        left_out,
    )


def _check(runs: Sequence[Run]) -> None:
    if len(runs) == 2:
        a, b = runs
        if a.facts.template != b.facts.template:
            raise NotComparableError(
                f"not comparable: {a.id} is of template {a.facts.template!r}, {b.id} of "
                f"{b.facts.template!r}"
            )
        for name in ("scorers", "scenarios"):
            if a.facts.fingerprints.get(name) != b.facts.fingerprints.get(name):
                raise NotComparableError(
                    f"not comparable: {name} differs between {a.id} and {b.id}; 'promptreg "
                    "rescore' judges both alike"
                )


def _dimension(
    name: str,
    runs: Sequence[Run],
    laid: Sequence[Laid | None],
    itself: Agreement | None,
    alpha: float,
    seed: int,
) -> DimensionReport:
    index = {f: i for i, f in enumerate(sorted({f for run in runs for f in run.families}))}
    judged: list[Floats] = []
    people: list[Floats] = []
    everybody: list[Floats] = []
    families: list[NDArray[np.intp]] = []
    bias = []
    raters = sorted({rater for one in laid if one for rater in one.raters})
    for one in laid:
        if one is None:
            bias.append(Bias(None, None, None, 0))
            continue
        known = ~np.isnan(one.people)
        of = np.repeat([index[f] for f in one.families], one.judged.shape[1]).astype(np.intp)
        of = of[known.ravel()]
        blank = np.full_like(one.judged, np.nan)
        judged.append(one.judged[known])
        people.append(one.people[known])
        everybody.append(
            np.stack([one.judged[known], *(one.raters.get(r, blank)[known] for r in raters)], 1)
        )
        families.append(of)
        bias.append(mean_difference(judged[-1] - people[-1], of, alpha))
    groups, ratings = np.concatenate(families), np.concatenate(everybody)
    kappa = weighted_kappa(
        np.concatenate(judged), np.concatenate(people), groups, alpha=alpha, seed=seed
    )
    among = krippendorff_alpha(ratings[:, 1:], groups, alpha=alpha, seed=seed)
    difference, corrected, note = _difference(name, runs, laid, index, alpha)
    return DimensionReport(
        metric=name,
        margin=runs[0].columns[name].scale.margin,
        higher_is_better=runs[0].columns[name].scale.higher_is_better,
        kappa=kappa,
        alpha=krippendorff_alpha(ratings, groups, alpha=alpha, seed=seed),
        people=among if len(raters) > 1 else None,
        itself=itself,
        bias=tuple(bias),
        difference=difference,
        corrected=corrected,
        note=note,
    )


def _difference(
    name: str,
    runs: Sequence[Run],
    laid: Sequence[Laid | None],
    index: dict[str, int],
    alpha: float,
) -> tuple[Bias | None, Corrected | None, str]:
    """Return the judge's difference, the corrected one, and why there is none."""
    if len(runs) != 2:
        return None, None, ""
    sides = [_scenario_means(run, name) for run in runs]
    families = np.array([index[f] for f in runs[0].families], dtype=np.intp)
    change = sides[1] - sides[0]
    judge = mean_difference(change, families, alpha)
    baseline, candidate = laid
    if baseline is None or candidate is None:
        return judge, None, "only one version has labels"
    human, seen = (_labelled(baseline, candidate, people=flag) for flag in (True, False))
    labelled = ~np.isnan(human) & ~np.isnan(seen)
    rest = ~labelled & ~np.isnan(change)
    n, scale = int(labelled.sum()), runs[0].columns[name].scale
    if scale.statistic != "mean":
        return judge, None, "labels correct means of scenarios, and versions are compared by none"
    if n < LEAST:
        return judge, None, f"{n} scenarios are labelled on both sides; {LEAST} are needed"
    corrected = corrected_mean(
        human[labelled],
        seen[labelled],
        change[rest],
        families[labelled],
        families[rest],
        alpha,
        span=scale.high - scale.low,
        lost=_lost(runs, name),
    )
    note = (
        ""
        if corrected.representative
        else "the judge grades labelled scenarios otherwise than the rest: were they drawn at "
        "random?"
    )
    return judge, corrected, note


def _lost(runs: Sequence[Run], name: str) -> tuple[float, float]:
    """Return by how much the mean change could lie lower, and higher, for trials without a grade.

    A failed trial is the worst value: it makes its own side worse by no more than the scale is
    wide. One without a value could be anything, and takes its scenario out of the mean.
    """
    columns = [run.columns[name] for run in runs]
    scale = columns[0].scale
    span = scale.high - scale.low
    gaps = np.any([(c.outcomes == Outcome.GAP).any(axis=1) for c in columns], axis=0)
    open_ = 2 * float(gaps.mean()) * span
    worse = [float((c.outcomes == Outcome.FAILED).mean()) * span for c in columns]
    baseline, candidate = worse if scale.higher_is_better else reversed(worse)
    return candidate + open_, baseline + open_


def _scenario_means(run: Run, name: str) -> Floats:
    """Return the mean of each scenario; NaN where a repeat has a gap or nothing applies."""
    means: Floats = run.columns[name].values.mean(axis=1)
    return means


def _labelled(baseline: Laid, candidate: Laid, *, people: bool) -> Floats:
    """Return the change of each scenario by its labelled trials; NaN where a side has none.

    Trials that failed count as the worst value, by their share of the repeats, for people as for
    the judge; a side that failed whole makes one of a scenario whose other side was labelled.
    """
    sides = []
    for one in (baseline, candidate):
        known = ~np.isnan(one.people) & ~np.isnan(one.judged)
        values = np.where(known, one.people if people else one.judged, 0.0)
        count = known.sum(axis=1)
        own = np.where(count > 0, values.sum(axis=1) / np.maximum(count, 1), np.nan)
        worst = np.where(one.failed, one.judged, 0.0).sum(axis=1) / one.failed.shape[1]
        answered = 1 - one.failed.mean(axis=1)
        lost = answered == 0
        sides.append((np.where(lost, worst, answered * own + worst), lost))
    (first, lost_first), (second, lost_second) = sides
    change: Floats = second - first
    return np.where(lost_first & lost_second, np.nan, change)
