"""A comparison as checks: one question per template and slice, each with an answer of its own.

Test runners show one result per check. The decision is made by the gate's own rule, applied to
the rows that the check is about.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from promptreg.errors import ExitCode, UsageError, did_you_mean
from promptreg.pipeline.parts import make_scoring, policy_for
from promptreg.pipeline.project import Options, Project
from promptreg.pipeline.stored import stored_run
from promptreg.pipeline.versions import common_templates, lookup, serves
from promptreg.policy import OVERALL, Policy
from promptreg.records import Scenario
from promptreg.stages.gate import decide_gate
from promptreg.stages.load import RunRef
from promptreg.verdicts import (
    Comparison,
    Difference,
    Gate,
    GateVerdict,
    Limit,
    ScenarioChange,
    Slice,
    Verdict,
)

__all__ = ["Check", "Checked", "judge", "plan_checks"]


@dataclass(frozen=True, slots=True)
class Check:
    """One question to a comparison.

    Attributes:
        template: of which template.
        where: attribute to value, in order; empty for all scenarios.
        metric: of which metric alone; None for the gate's rule on all of them.
    """

    template: str
    where: tuple[tuple[str, str], ...] = ()
    metric: str | None = None

    @property
    def part(self) -> str:
        """The slice in words: `scenario_type=threat`, or `all`."""
        return ",".join(f"{name}={value}" for name, value in self.where) or "all"

    @property
    def id(self) -> str:
        """Name of the check: `basic[scenario_type=threat]`, `basic[all]-in_range`."""
        return f"{self.template}[{self.part}]" + (f"-{self.metric}" if self.metric else "")

    @property
    def slice(self) -> Slice | None:
        """The slice as differences name it; None for all scenarios."""
        if not self.where:
            return None
        names, values = zip(*self.where, strict=True)
        return Slice(",".join(names), ",".join(values))


@dataclass(frozen=True, slots=True)
class Checked:
    """What a comparison says to a check.

    Attributes:
        check: the question.
        gate: verdict and reasons, by the gate's rule on these rows.
        rows: the differences it rests on; `gating` is as in the comparison.
        limits: the absolute limits it rests on.
        worse: the scenarios of this check that became worse, the worst first.
    """

    check: Check
    gate: Gate
    rows: tuple[Difference, ...]
    limits: tuple[Limit, ...]
    worse: tuple[ScenarioChange, ...]


def plan_checks(
    project: Project,
    ref_a: str,
    ref_b: str,
    options: Options,
    *,
    metrics: Sequence[str] | bool = False,
    slices: Sequence[str] | None = None,
) -> list[Check]:
    """Return the checks of a comparison to come, without making a call.

    Templates come in the suite's order; of each first all scenarios, then every value of every
    slice that some served scenario has, then the guards and the limits of slices.

    Args:
        project: the opened suite.
        ref_a: the baseline.
        ref_b: the candidate.
        options: what narrows the comparison.
        metrics: names of metrics, or True for every gating one: a check for each. False: the
            gate's rule decides, one check for all of them.
        slices: attributes to slice by, of those the suite slices by; None: all of them.

    Raises:
        UsageError: a reference, metric or attribute is unknown, or no template has both sides.
    """
    every = project.every_scenario()
    scenarios = project.narrowed(every, options)
    policy = policy_for(project, make_scoring(project), every, options)
    named = _metrics(metrics, policy)
    sliced = _slices(slices, policy)
    wanted = [g.where for g in policy.guards] + [b.where for b in policy.limits if b.where]
    serving = {
        name: served
        for name in _templates(project, ref_a, ref_b, options)
        if (served := serves(project, name, scenarios))
    }
    everybody = [s for served in serving.values() for s in served]
    nowhere = [where for where in wanted if not _any_matches(everybody, where)]
    checks: dict[Check, None] = {}
    for template, served in serving.items():
        # What is demanded of no scenario at all is open for every template, as it is to the gate.
        demanded = [w for w in wanted if w in nowhere or _any_matches(served, w)]
        for where in ((), *_values(served, sliced), *(tuple(w.items()) for w in demanded)):
            for metric in named:
                checks.setdefault(Check(template, where, metric))
    if not checks:
        raise UsageError(
            "no template serves any of the chosen scenarios; see 'select' and the filters"
        )
    return list(checks)


def judge(check: Check, comparison: Comparison, policy: Policy) -> Checked:
    """Return what the comparison says to one of its checks.

    A template's check of all scenarios is the gate's decision on this template: guards, limits and
    criteria included. That of a slice applies the same rule to the slice's rows and limits, which
    are hints to the gate (corrected for the number of slices) unless they are guarded. A check of
    one metric demands that this metric is shown to be no worse. Where the comparison has nothing
    for a check, it is inconclusive.

    `Checked.gate.exit_code` says of an inconclusive check whether a policy may let it pass: `OK`,
    or not: `INCONCLUSIVE` (answers were made up, scenarios left out) or `NOT_COMPARABLE`.
    """
    rows = [d for d in _rows(check, comparison) if check.metric in (None, d.metric)]
    limits = [
        limit
        for limit in comparison.limits
        if limit.template == check.template
        and (not check.where or limit.slice == check.slice)
        and check.metric in (None, limit.metric)
    ]
    prove = policy.prove if check.metric is None else (check.metric,)
    judged = rows
    if check.where:
        judged = [replace(d, slice=None) if d.gating else _as_gating(d) for d in rows]
        if check.metric is None and rows and not any(d.metric in prove for d in rows):
            prove = tuple(d.metric for d in rows)  # a guard stands for itself
    gate = decide_gate(
        judged,
        limits,
        replace(policy, prove=prove, inconclusive="allow"),
        synthetic=comparison.synthetic,
        partial=comparison.partial,
        criteria=() if check.where or check.metric else comparison.criteria,
    )
    if not judged and limits and all(limit.status == "met" for limit in limits):
        gate = _met(gate, comparison)
    worse = tuple(_worse(check, comparison, [d for d in rows if d.verdict is Verdict.REGRESSED]))
    return Checked(check, gate, tuple(rows), tuple(limits), worse)


def _as_gating(hint: Difference) -> Difference:
    """Return a slice's hint as the gate would see it on the whole suite."""
    return replace(hint, slice=None, gating=True, insufficient=False)


def _met(gate: Gate, comparison: Comparison) -> Gate:
    """Return the decision on a slice that has limits alone, all of them met."""
    if comparison.synthetic or comparison.partial:
        return gate
    return Gate(GateVerdict.PASS, ("all limits are met",), ExitCode.OK)


def _metrics(metrics: Sequence[str] | bool, policy: Policy) -> list[str | None]:
    if metrics is False:
        return [None]
    if metrics is True:
        return list(policy.gating)
    for name in metrics:
        if name in policy.scales and name not in policy.gating:
            raise UsageError(
                f"metric {name!r} is shown only and decides nothing; those that gate: "
                f"{', '.join(policy.gating) or 'none'}"
            )
    _known("metric", metrics, policy.gating)
    return list(dict.fromkeys(metrics))


def _slices(slices: Sequence[str] | None, policy: Policy) -> Sequence[str]:
    if slices is None:
        return policy.slices
    _known("slice", slices, policy.slices)
    return slices


def _known(what: str, names: Sequence[str], known: Sequence[str]) -> None:
    for name in names:
        if name not in known:
            there = ", ".join(known) or "none"
            source = " (of gate.slices)" if what == "slice" else ""
            raise UsageError(
                f"no {what} is called {name!r}{did_you_mean(str(name), known)}; "
                f"there are{source}: {there}"
            )


def _templates(project: Project, ref_a: str, ref_b: str, options: Options) -> list[str]:
    found = [lookup(project, ref, options) for ref in (ref_a, ref_b)]
    for one in found:
        if isinstance(one, RunRef):  # a stored run is of one template
            return [stored_run(project, one.id, {}).facts.template]
    a, b = (one for one in found if not isinstance(one, RunRef))
    return common_templates(a, b, ref_a, ref_b)


def _values(
    served: Sequence[Scenario], slices: Sequence[str]
) -> Iterator[tuple[tuple[str, str], ...]]:
    for attribute in slices:
        for value in sorted({s.attributes.get(attribute, "") for s in served} - {""}):
            yield ((attribute, value),)


def _any_matches(scenarios: Sequence[Scenario], where: Mapping[str, str]) -> bool:
    return any(_matches(s.attributes, where.items()) for s in scenarios)


def _rows(check: Check, comparison: Comparison) -> list[Difference]:
    """Return the check's differences; where a guard gates, its row instead of the hint's."""
    own = [d for d in comparison.differences if d.template == check.template]
    if not check.where:
        return [d for d in own if d.gating or (d.slice is None and d.metric == check.metric)]
    rows = [d for d in own if d.slice == check.slice]
    guarded = {d.metric for d in rows if d.gating}
    return [d for d in rows if d.gating or d.metric not in guarded]


def _worse(
    check: Check, comparison: Comparison, accused: Sequence[Difference]
) -> Iterator[ScenarioChange]:
    """Yield the check's scenarios that became worse on what is accused, else on the whole."""
    on_the_whole = not accused or any(d.metric == OVERALL for d in accused)
    for change in comparison.changes:
        if change.template != check.template or not _matches(change.attributes, check.where):
            continue
        fell = on_the_whole and change.change is not None and change.change < 0
        if fell or any(_dropped(change, d) for d in accused):
            yield change


def _dropped(change: ScenarioChange, d: Difference) -> bool:
    before, after = (side.scores.get(d.metric) for side in (change.baseline, change.candidate))
    if after is None or before is None:
        return bool(change.candidate.failure) and not change.baseline.failure
    return after < before if d.direction == "higher_is_better" else after > before


def _matches(attributes: Mapping[str, str], where: Iterable[tuple[str, str]]) -> bool:
    return all(attributes.get(name) == value for name, value in where)
