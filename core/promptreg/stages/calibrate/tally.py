"""Counts over simulated gates, and the rates they come to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from promptreg.stats.proportions import clopper_pearson
from promptreg.verdicts import Difference, Gate, GateVerdict, Limit, Rate, Slice, Verdict

__all__ = ["GateRates", "InjectedRates", "Tally", "rate"]

_ACCUSED = frozenset({Verdict.REGRESSED, Verdict.IMPROVED})
_LEVEL = 0.05
Target = tuple[str, str, Slice | None]
"""Template, metric, slice."""


@dataclass(frozen=True, slots=True)
class GateRates:
    """What simulated gates said.

    Attributes:
        false_alarm: something is said to have regressed. In an A/A nothing has.
        accused: something is said to have regressed or to have improved.
        failed, passed, inconclusive: the verdict. A version that itself misses an absolute limit
            fails rightly, so `failed` may be above `false_alarm`.
        limit_missed: an absolute limit is shown to be missed.
        asked: mean share of the planned trials that a gate took; below 1 where it may stop early.
        by_metric: metric (with its template and slice where needed) to how often it was said to
            have regressed; those of which it never was are left out.
    """

    false_alarm: Rate
    accused: Rate
    failed: Rate
    passed: Rate
    inconclusive: Rate
    limit_missed: Rate
    asked: float = 1.0
    by_metric: dict[str, Rate] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class InjectedRates:
    """What simulated gates said of a worsening of known size.

    Attributes:
        accused: the worsened metric itself is said to have regressed.
        acquitted: the worsened metric itself is said to be no worse; at the margin and beyond
            this is the error that `alpha / 2` bounds.
        failed, passed, inconclusive: the verdict.
        asked: mean share of the planned trials that a gate took.
    """

    accused: Rate
    acquitted: Rate
    failed: Rate
    passed: Rate
    inconclusive: Rate
    asked: float = 1.0


def rate(count: int, of: int) -> Rate:
    """Return a share with its exact 95 % interval."""
    if of == 0:
        return Rate(0, 0, (0.0, 1.0))
    return Rate(count, of, clopper_pearson(count, of, _LEVEL))


class Tally:
    """Counts what gates say.

    Args:
        target: the line that a worsening was put into, if any.
    """

    def __init__(self, target: Target | None = None) -> None:
        self._target = target
        self._n = 0
        self._asked = 0.0
        self._verdicts = dict.fromkeys(GateVerdict, 0)
        self._alarms = self._accused = self._limits = 0
        self._by_metric: dict[str, int] = {}
        self._hit = self._let_go = 0

    def add(
        self,
        differences: Sequence[Difference],
        limits: Sequence[Limit],
        decided: Gate,
        asked: float = 1.0,
    ) -> None:
        """Count one gate, which took a share of the planned trials."""
        self._n += 1
        self._asked += asked
        self._verdicts[decided.verdict] += 1
        gating = [d for d in differences if d.gating]
        worse = [d for d in gating if d.verdict is Verdict.REGRESSED]
        self._alarms += bool(worse)
        self._accused += any(d.verdict in _ACCUSED for d in gating)
        self._limits += any(limit.status == "not_met" for limit in limits)
        several = len({d.template for d in gating}) > 1
        for d in worse:
            name = _name(d, several=several)
            self._by_metric[name] = self._by_metric.get(name, 0) + 1
        for d in gating:
            if self._target == (d.template, d.metric, d.slice):
                self._hit += d.verdict is Verdict.REGRESSED
                self._let_go += d.verdict.proven

    def gates(self) -> GateRates:
        """Return the rates of all gates."""
        return GateRates(
            false_alarm=rate(self._alarms, self._n),
            accused=rate(self._accused, self._n),
            limit_missed=rate(self._limits, self._n),
            asked=self._share(),
            by_metric={k: rate(v, self._n) for k, v in sorted(self._by_metric.items())},
            **self._decided(),
        )

    def injected(self) -> InjectedRates:
        """Return the rates about the worsened metric."""
        return InjectedRates(
            accused=rate(self._hit, self._n),
            acquitted=rate(self._let_go, self._n),
            asked=self._share(),
            **self._decided(),
        )

    def _share(self) -> float:
        return self._asked / self._n if self._n else 1.0

    def _decided(self) -> dict[str, Rate]:
        return {
            "failed": rate(self._verdicts[GateVerdict.FAIL], self._n),
            "passed": rate(self._verdicts[GateVerdict.PASS], self._n),
            "inconclusive": rate(self._verdicts[GateVerdict.INCONCLUSIVE], self._n),
        }


def _name(d: Difference, *, several: bool) -> str:
    part = f" ({d.slice.attribute}={d.slice.value})" if d.slice else ""
    return (f"{d.template}: " if several else "") + d.metric + part
