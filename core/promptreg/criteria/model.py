"""What is asked of slices and of the candidate, as the rest of promptreg reads it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from promptreg.errors import SuiteError, did_you_mean
from promptreg.records import Scale

__all__ = [
    "GAP_RATE",
    "OVERALL",
    "Attributes",
    "Bound",
    "Guard",
    "Slicing",
    "check_known",
    "check_margin",
    "conditions",
    "texts",
]

OVERALL = "overall"
GAP_RATE = "gap_rate"
"""In limits: the share of the candidate's trials that nothing is known of; `gap_rate.METRIC`: for
one metric."""
_RATIOS = ("signed_ranks", "ratio_of_totals")
Attributes = Mapping[str, Iterable[str]]


@dataclass(frozen=True, slots=True)
class Guard:
    """A metric on a slice that gates.

    Attributes:
        metric, where, margin: what is compared, on which scenarios, by which margin.
        min_families: fewer are too few for a verdict.
        prove: whether it must be shown to be no worse, rather than only not regress.
    """

    metric: str
    where: Mapping[str, str]
    margin: float
    min_families: int = 6
    prove: bool = False


@dataclass(frozen=True, slots=True)
class Slicing:
    """An attribute whose values are shown as slices, with margins of its own."""

    by: str
    margins: Mapping[str, float]
    min_families: int


@dataclass(frozen=True, slots=True)
class Bound:
    """An absolute limit: `side` is `at_least` or `at_most`.

    Attributes:
        metric, side, threshold: what must not be below or above what.
        name: what the suite calls it.
        where: the slice; empty for all scenarios.
        within: where the threshold is a share of scenarios: how a scenario's value is compared
            (`below`, `up_to`, `above`, `reaches`), and with what.
        must: `not_missed`, or `shown`: what is neither met nor missed does not pass.
    """

    metric: str
    side: str
    threshold: float
    name: str = ""
    where: Mapping[str, str] = field(default_factory=dict)
    within: tuple[str, float] | None = None
    must: str = "not_missed"


def check_known(name: str, known: Iterable[str], spot: str) -> None:
    """Refuse a name that does not exist.

    Raises:
        SuiteError: with what there is.
    """
    names = sorted(known)
    if name not in names:
        listed = ", ".join(names) if names else "none"
        raise SuiteError(f"{spot}: unknown {name!r}{did_you_mean(name, names)}; known: {listed}")


def check_margin(scale: Scale | None, margin: float, spot: str) -> None:
    """Refuse a margin that accepts anything, and a difference where a ratio is due.

    Args:
        scale: of the metric; None for the composite, whose range is 0 to 1.
        margin: the largest worsening that is accepted.
        spot: where it stands, for messages.

    Raises:
        SuiteError: the metric is compared as a ratio, and the margin is none above 1; or no change
            of the metric can be as large as the margin.
    """
    if not math.isfinite(margin):
        raise SuiteError(f"{spot} is {margin:g}; a margin is a finite number")
    if scale is not None and scale.statistic in _RATIOS:
        if margin <= 1:
            raise SuiteError(
                f"{spot} is {margin:g}; this margin is a ratio above 1, "
                "such as 1.10 for ten percent more"
            )
        return
    low, high = (0.0, 1.0) if scale is None else (scale.low, scale.high)
    if margin >= high - low:
        share = scale is not None and scale.kind == "binary"
        hint = "; a margin of 0.05 is five percentage points" if share else ""
        raise SuiteError(
            f"{spot} is {margin:g}: the metric goes from {low:g} to {high:g}, so no worsening is "
            f"as large and none would ever be seen; allowed: below {high - low:g}{hint}"
        )


def conditions(where: Mapping[str, object], attributes: Attributes, spot: str) -> dict[str, str]:
    """Return the conditions of a slice as scenarios spell them.

    Raises:
        SuiteError: an attribute or value does not exist.
    """
    words = texts(where)
    for attribute, value in words.items():
        check_known(attribute, attributes, f"{spot}.where")
        check_known(value, attributes[attribute], f"{spot}.where.{attribute}")
    return words


def texts(where: Mapping[str, object]) -> dict[str, str]:
    """Return values as scenarios' attributes spell them."""
    return {
        k: ("true" if v else "false") if isinstance(v, bool) else str(v) for k, v in where.items()
    }
