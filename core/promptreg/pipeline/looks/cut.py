"""Which families come with which look, and when the looks are."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from promptreg.policy import LookPolicy
from promptreg.records import Scenario
from promptreg.stats.sequential.spending import Schedule

__all__ = ["Cut", "cut_families", "family_of", "schedule_of"]

_PROOFS = 4
"""Looks at any time that may prove something; the others only accuse."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Families, dealt to looks.

    Attributes:
        place: the look of each family, from 0.
        used: the looks that have families, in order.
        shares: share of the scenarios that is there at each of these.
        families: number of every family; at any time the order in which they are asked.
    """

    place: dict[str, int]
    used: list[int]
    shares: tuple[float, ...]
    families: dict[str, int]


def cut_families(weights: Mapping[str, int], looks: LookPolicy, seed: int) -> Cut:
    """Return which look each family comes with: equal shares, in an order made of the seed alone.

    Args:
        weights: scenarios of each family, over all versions.
        looks: how many, and whether they come at any time.
        seed: of the order.
    """
    place = _cut(weights, looks.looks, seed)
    used = sorted(set(place.values()))
    total, done, shares = sum(weights.values()), 0, []
    for look in used:
        done += sum(n for family, n in weights.items() if place[family] == look)
        shares.append(done / total)
    # Who bets on one family after the other takes them in a random order, within a look as well.
    numbered = list(place) if looks.anytime else sorted(weights)
    return Cut(place, used, tuple(shares), {family: i for i, family in enumerate(numbered)})


def schedule_of(times: Sequence[float], alpha: float, looks: LookPolicy) -> Schedule:
    """Return when the looks are, the last at 1, and which of them may prove something."""
    return Schedule((*times[:-1], 1.0), alpha, _PROOFS if looks.anytime else 0)


def family_of(scenario: Scenario) -> str:
    """Return the family of a scenario; its id where it has none."""
    return scenario.family or scenario.id


def _cut(weights: Mapping[str, int], looks: int, seed: int) -> dict[str, int]:
    """Return the look of each family, so that looks are of about equal size."""
    salt = f"{seed}:look:".encode()
    order = sorted(
        weights,
        key=lambda family: (
            hashlib.blake2b(salt + family.encode("utf-8", "surrogatepass")).digest(),
            family,
        ),
    )
    total, before, place = sum(weights.values()), 0, {}
    for family in order:
        middle = before + weights[family] / 2
        place[family] = min(looks - 1, int(middle / total * looks))
        before += weights[family]
    return place
