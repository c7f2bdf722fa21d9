"""Every difference of a comparison: whole suite, guards and slices, each with its verdict."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from promptreg.policy import OVERALL, Policy
from promptreg.records import Outcome
from promptreg.stages.compare.gaps import unanswered
from promptreg.stages.compare.hints import hints
from promptreg.stages.compare.lines import Line, slice_lines, whole_lines
from promptreg.stages.compare.pairs import RunPair, Table, overall_table, table
from promptreg.stats.analysis import PairedResult, PairedScores, analyse, reconcile
from promptreg.verdicts import Difference, Missing, Verdict

__all__ = [
    "Analysis",
    "compare_pairs",
    "compare_slices",
    "complete_case",
    "difference_of",
    "names_of",
    "tables_of",
]


class Analysis(Protocol):
    """Analyses the whole suite's lines in place of the analysis of one fixed sample."""

    families: Mapping[str, int]
    """Number of every family of the plan."""

    def analyse(self, favour: str, lines: Sequence[PairedScores]) -> list[PairedResult]:
        """Return one result per line; `favour` is the side that gaps favour.

        A line is called the same whenever it is analysed.
        """
        ...


def tables_of(pair: RunPair, policy: Policy, favour: str) -> dict[str, Table]:
    """Return a table for every metric of the policy, the composite included."""
    side = "baseline" if favour == "baseline" else "candidate"
    tables = {name: table(pair, name, cast(Any, side)) for name in policy.scales}
    if policy.overall:
        tables[OVERALL] = overall_table(pair, policy, tables)
    return tables


def compare_pairs(
    pairs: Sequence[RunPair], policy: Policy, *, seed: int, analysis: Analysis | None = None
) -> tuple[Difference, ...]:
    """Return every difference: gating metrics first, then guards, shown metrics, slices.

    All gating lines of all templates form one family of tests and share their flips. Where
    trials were lost to infrastructure everything is computed twice, gaps favouring either side,
    and a verdict stands only if it is the same both ways.

    Args:
        pairs: one per template.
        policy: what gates, by which margins.
        seed: seed of the resampling; the same data give the same verdict whatever their order.
        analysis: of all but the slices, where the data are looked at several times.
    """
    families = _family_index(pairs) if analysis is None else analysis.families
    tables = {
        favour: {pair.template: tables_of(pair, policy, favour) for pair in pairs}
        for favour in ("baseline", "candidate")
    }
    whole = list(whole_lines(pairs, policy))
    results = _analyse(whole, tables, families, policy, seed, analysis)
    differences = [_difference(line, r, tables) for line, r in zip(whole, results, strict=True)]
    differences += _slices(pairs, tables, families, policy, seed)
    return tuple(differences)


def compare_slices(
    pairs: Sequence[RunPair], policy: Policy, *, seed: int
) -> tuple[Difference, ...]:
    """Return the differences of the slices alone: hints, whatever the whole is judged by."""
    tables = {
        favour: {pair.template: tables_of(pair, policy, favour) for pair in pairs}
        for favour in ("baseline", "candidate")
    }
    return tuple(_slices(pairs, tables, _family_index(pairs), policy, seed))


def complete_case(pairs: Sequence[RunPair], policy: Policy) -> dict[str, float | None]:
    """Return the difference of each metric without failed trials; a footnote, never used.

    Figures that are no average over trials are left out.
    """
    out: dict[str, float | None] = {}
    for name, scale in policy.scales.items():
        if scale.statistic == "aggregate":
            continue
        sums = []
        for pair in pairs:
            base, cand = pair.baseline.columns[name], pair.candidate.columns[name]
            both = (base.outcomes == Outcome.SCORED) & (cand.outcomes == Outcome.SCORED)
            sums.append((cand.values - base.values)[both])
        values = np.concatenate(sums) if sums else np.empty(0)
        out[name] = float(values.mean()) if values.size else None
    return out


def _family_index(pairs: Sequence[RunPair]) -> dict[str, int]:
    names = sorted({f for pair in pairs for f in pair.baseline.families})
    return {name: i for i, name in enumerate(names)}


def _slices(
    pairs: Sequence[RunPair],
    tables: Mapping[str, Mapping[str, Mapping[str, Table]]],
    families: Mapping[str, int],
    policy: Policy,
    seed: int,
) -> list[Difference]:
    def analysed(part: Sequence[Line]) -> list[tuple[Difference, PairedResult]]:
        results = _analyse(part, tables, families, policy, seed)
        return [(_difference(line, r, tables), r) for line, r in zip(part, results, strict=True)]

    return hints(slice_lines(pairs, policy), analysed, policy)


def _analyse(
    lines: Sequence[Line],
    tables: Mapping[str, Mapping[str, Mapping[str, Table]]],
    families: Mapping[str, int],
    policy: Policy,
    seed: int,
    analysis: Analysis | None = None,
) -> list[PairedResult]:
    names = names_of(lines)

    def once(favour: str) -> list[PairedResult]:
        scores = [
            _scores(line, tables[favour][line.pair.template][line.metric], families, name)
            for line, name in zip(lines, names, strict=True)
        ]
        if analysis is not None:
            found = analysis.analyse(favour, scores)
        else:
            found = analyse(
                scores, alpha=policy.alpha, draws=policy.draws, seed=seed, exact=policy.exact
            )
        return [replace(r, name=line.metric) for r, line in zip(found, lines, strict=True)]

    against = once("baseline")
    gaps = any(tables["baseline"][line.pair.template][line.metric].has_gaps for line in lines)
    # Who looks several times must see both ways at every look: gaps may come with later ones.
    if not gaps and analysis is None:
        return against
    return [reconcile(a, b) for a, b in zip(against, once("candidate"), strict=True)]


def names_of(lines: Sequence[Line]) -> list[str]:
    """Return a name per line that does not depend on which other lines there are."""
    names: list[str] = []
    seen: dict[str, int] = {}
    for line in lines:
        part = f"[{line.slice.attribute}={line.slice.value}]" if line.slice else ""
        name = f"{line.pair.template}/{line.metric}{part}"
        seen[name] = seen.get(name, 0) + 1
        names.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return names


def _scores(line: Line, source: Table, families: Mapping[str, int], name: str) -> PairedScores:
    keep = source.applies & line.mask
    index = np.array([families[f] for f in line.pair.baseline.families], dtype=np.intp)
    scale = source.scale
    return PairedScores(
        name=name,
        kind=scale.kind,
        baseline=source.baseline[keep],
        candidate=source.candidate[keep],
        families=index[keep],
        low=scale.low,
        high=scale.high,
        higher_is_better=scale.higher_is_better,
        margin=line.margin,
        statistic=scale.statistic,
        gating=line.gating,
        aggregate=cast("Callable[[NDArray[Any]], float] | None", source.aggregate),
    )


def _difference(
    line: Line,
    r: PairedResult,
    tables: Mapping[str, Mapping[str, Mapping[str, Table]]],
) -> Difference:
    source = tables["baseline"][line.pair.template][line.metric]
    return difference_of(line, r, source, n_clusters=r.n_clusters)


def difference_of(line: Line, r: PairedResult, source: Table, *, n_clusters: int) -> Difference:
    """Return a line's result as the difference that reports show.

    Args:
        line: what was analysed.
        r: its result.
        source: the values it was made from.
        n_clusters: independent families or units; too few make a slice insufficient.
    """
    lost = source.missing[line.mask].sum(axis=0)
    notes = r.notes
    if source.excluded:
        notes = (
            *notes,
            f"{source.excluded} scenarios left out: no value on one side and no bound for it",
        )
    interval = None if r.low is None or r.high is None else (r.low, r.high)
    if source.has_gaps and source.scale.payload and r.difference is None:
        # Nothing bounds what a lost trial holds: it is not the scenarios that are why.
        notes = ("not defined while a trial is without a value",)
    verdict = Verdict(r.verdict)
    insufficient = n_clusters < line.min_families
    if insufficient and not (line.gating and verdict is Verdict.REGRESSED):
        verdict = Verdict.INCONCLUSIVE  # harm that is shown stays shown
    return Difference(
        template=line.pair.template,
        metric=line.metric,
        slice=line.slice,
        kind=source.scale.kind,
        unit=source.scale.unit,
        direction=source.scale.direction,
        n_scenarios=r.n_scenarios,
        n_clusters=r.n_clusters,
        repeats=line.pair.baseline.repeats,
        baseline=r.baseline,
        candidate=r.candidate,
        difference=r.difference,
        interval=interval,
        level=r.level,
        p_value=r.p_value,
        p_adjusted=r.p_adjusted,
        effect_size=r.effect_size,
        test=r.test,
        margin=r.margin,
        verdict=verdict,
        gating=line.gating,
        discordant=_discordant(line, source),
        detectable_difference=r.detectable_difference,
        missing=Missing(int(lost[0]), int(lost[1])),
        suspect=r.suspect,
        scenarios_needed=None
        if unanswered(line.pair.baseline, line.pair.candidate)  # more of them would tell nothing
        else r.scenarios_needed,
        ratio=r.ratio,
        rerun_se=r.rerun_se,
        variance=(
            None
            if r.var_scenario is None or r.var_repeat is None
            else (r.var_scenario, r.var_repeat)
        ),
        notes=notes,
        insufficient=insufficient,
        min_clusters=line.min_families or None,
        must_prove=line.prove,
    )


def _discordant(line: Line, source: Table) -> tuple[int, int] | None:
    """Return how many scenarios passed more often under the baseline, and under the candidate."""
    if source.scale.kind != "binary":
        return None
    keep = source.applies & line.mask
    base, cand = source.baseline[keep].mean(axis=1), source.candidate[keep].mean(axis=1)
    return int((base > cand).sum()), int((cand > base).sum())
