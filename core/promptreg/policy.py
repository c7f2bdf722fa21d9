"""The policy of a comparison: which metrics gate, by which margins, and what must be proven."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field

from promptreg.errors import SuiteError, did_you_mean
from promptreg.records import Scale
from promptreg.suite import GateEntry, SequentialEntry

__all__ = [
    "EFFECTIVE",
    "OVERALL",
    "Bound",
    "Guard",
    "LookPolicy",
    "Policy",
    "default_margin",
    "make_policy",
]

OVERALL = "overall"
EFFECTIVE = "effective."
"""Prefix of metrics on the effective answer; they are shown and never gate."""
_RATIO_MARGIN = 1.10
_OVERALL_MARGIN = 0.05


@dataclass(frozen=True, slots=True)
class Guard:
    """A metric on a slice that gates."""

    metric: str
    where: Mapping[str, str]
    margin: float


@dataclass(frozen=True, slots=True)
class Bound:
    """An absolute limit: `side` is `at_least` or `at_most`."""

    metric: str
    side: str
    threshold: float


@dataclass(frozen=True, slots=True)
class LookPolicy:
    """How often the data are looked at, and what is asked further if that decides nothing.

    Attributes:
        looks: at the planned scenarios, after equal shares of them; 1 is no early look.
        futility: also stop where what is left can hardly decide anything.
        more_repeats: askings of each scenario at the most if the gate stays inconclusive; 0: none.
        more_calls: further calls at the most.
    """

    looks: int = 1
    futility: bool = True
    more_repeats: int = 0
    more_calls: int | None = None

    @property
    def several(self) -> bool:
        """Whether there may be more than one look."""
        return self.looks > 1 or self.more_repeats > 0


@dataclass(frozen=True, slots=True)
class Policy:
    """Everything that was decided before the run; `sha256` identifies it."""

    alpha: float
    draws: int
    exact: bool
    prove: tuple[str, ...]
    overall: Mapping[str, tuple[str, ...]]
    weights: Mapping[str, float]
    margins: Mapping[str, float]
    gating: tuple[str, ...]
    slices: tuple[str, ...]
    guards: tuple[Guard, ...]
    limits: tuple[Bound, ...]
    inconclusive: str
    scales: Mapping[str, Scale] = field(default_factory=dict)
    looks: LookPolicy = LookPolicy()

    @property
    def sha256(self) -> str:
        """Content hash of the policy (hex)."""
        text = json.dumps(asdict(self), sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()


def default_margin(scale: Scale) -> float | None:
    """Return the margin of a scale that names none: 5 % of its range, or a ratio of 1.10."""
    if scale.margin is not None:
        return scale.margin
    if scale.statistic in ("signed_ranks", "ratio_of_totals"):
        return _RATIO_MARGIN
    width = scale.high - scale.low
    return 0.05 * width if math.isfinite(width) else None


def make_policy(
    entry: GateEntry,
    scales: Sequence[Scale],
    blocks: Mapping[str, Sequence[str]],
    attributes: Mapping[str, Iterable[str]],
    *,
    where: str,
    alpha: float | None = None,
    margins: Mapping[str, float] | None = None,
    looks: int | None = None,
) -> Policy:
    """Join the suite's `gate` section, the scorers' scales and the command line.

    Args:
        entry: the suite's `gate` section.
        scales: every metric of the suite.
        blocks: default blocks of the composite, used when the section names none.
        attributes: attribute to its values in the scenarios, to check guards and slices.
        where: the file, for messages.
        alpha: override from the command line.
        margins: overrides from the command line, by metric.
        looks: override from the command line; 0: a suite's own looks, else the usual number.

    Raises:
        SuiteError: the section names a metric, attribute or value that does not exist.
    """
    by_name = {s.name: s for s in scales}
    overall = {k: tuple(v) for k, v in (entry.overall or blocks).items() if v}
    for block, members in overall.items():
        for name in members:
            _known(name, by_name, f"{where}: gate.overall.{block}")
            scale = by_name[name]
            if scale.statistic != "mean" or not math.isfinite(scale.high - scale.low):
                raise SuiteError(
                    f"{where}: gate.overall.{block}: {name!r} has no finite range to be "
                    "mapped to 0-1; leave it out of the composite (it still gates by itself)"
                )
    for block, weight in entry.weights.items():
        _known(block, overall, f"{where}: gate.weights")
        if not (math.isfinite(weight) and weight > 0):
            raise SuiteError(f"{where}: gate.weights.{block} is {weight!r}; allowed: above 0")
    known = dict.fromkeys((*by_name, *((OVERALL,) if overall else ())))
    chosen = {s.name: default_margin(s) for s in scales}
    chosen[OVERALL] = _OVERALL_MARGIN
    for name, margin in {**entry.margins, **(margins or {})}.items():
        _known(name, known, f"{where}: gate.margins")
        scale_or_none = by_name.get(name)
        ratio = scale_or_none is not None and scale_or_none.statistic in (
            "signed_ranks",
            "ratio_of_totals",
        )
        if ratio and margin <= 1:
            raise SuiteError(
                f"{where}: gate.margins.{name} is {margin:g}; this margin is a ratio above 1, "
                "such as 1.10 for ten percent more"
            )
        chosen[name] = margin
    missing = [n for n, m in chosen.items() if m is None]
    if missing:
        raise SuiteError(
            f"{where}: gate.margins needs a margin for {', '.join(missing)}: "
            "the range is open, so there is no default"
        )
    prove = tuple(n for n in entry.prove if n != OVERALL or overall)
    for name in prove:
        _known(name, known, f"{where}: gate.prove")
    for attribute in entry.slices:
        _known(attribute, attributes, f"{where}: gate.slices")
    margins_final = {n: m for n, m in chosen.items() if m is not None}
    guards = []
    for i, guard in enumerate(entry.guard):
        spot = f"{where}: gate.guard[{i}]"
        _known(guard.metric, known, spot)
        where_text = {k: _text(v) for k, v in guard.where.items()}
        for attribute, value in where_text.items():
            _known(attribute, attributes, spot)
            _known(value, attributes[attribute], f"{spot}.where.{attribute}")
        guards.append(Guard(guard.metric, where_text, guard.margin or margins_final[guard.metric]))
    limits = []
    for name, limit in entry.limits.items():
        _known(name, known, f"{where}: gate.limits")
        side = "at_least" if limit.at_least is not None else "at_most"
        threshold = limit.at_least if limit.at_least is not None else limit.at_most
        limits.append(Bound(name, side, float(threshold or 0.0)))
    return Policy(
        alpha=alpha if alpha is not None else entry.alpha,
        draws=entry.draws,
        exact=entry.exact,
        prove=prove,
        overall=overall,
        weights={b: entry.weights.get(b, 1.0) for b in overall},
        margins=margins_final,
        gating=tuple(
            dict.fromkeys(
                (
                    *((OVERALL,) if overall else ()),
                    *(n for n in by_name if not n.startswith(EFFECTIVE)),
                )
            )
        ),
        slices=tuple(entry.slices),
        guards=tuple(guards),
        limits=tuple(limits),
        inconclusive=entry.inconclusive,
        scales=by_name,
        looks=_look_policy(entry, looks),
    )


def _look_policy(entry: GateEntry, looks: int | None) -> LookPolicy:
    own = entry.sequential
    if looks is None:
        looks = own.looks if own else 1
    elif looks == 0:
        looks = own.looks if own else SequentialEntry().looks
    return LookPolicy(
        looks=looks,
        futility=own.futility if own else True,
        more_repeats=entry.more.repeats if entry.more else 0,
        more_calls=entry.more.calls if entry.more else None,
    )


def _known(name: str, known: Iterable[str], spot: str) -> None:
    names = sorted(known)
    if name not in names:
        listed = ", ".join(names) if names else "none"
        raise SuiteError(f"{spot}: unknown {name!r}{did_you_mean(name, names)}; known: {listed}")


def _text(value: object) -> str:
    """Return a value as scenarios' attributes spell it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
