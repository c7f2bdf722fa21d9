"""Metrics' scales, and what scorers say on them."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field

from promptreg.records.types import Direction, Kind, Statistic

__all__ = ["Preference", "Scale", "Score", "Unscored", "payload_code"]


@dataclass(frozen=True, slots=True)
class Scale:
    """What a score means: unit, range, direction, and how versions are compared on it.

    Attributes:
        name: the metric's name, `[a-z][a-z0-9_.:-]*`.
        kind: `binary` (0 or 1), `bounded`, `ordinal` or `count`.
        unit: such as `points`, `s`, `tokens`; empty for shares.
        low, high: the range, inclusive; `high` may be infinite for `count`.
        direction: `higher_is_better` or `lower_is_better`.
        margin: the default margin: the largest worsening accepted, in the score's unit; for
            `signed_ranks` and `ratio_of_totals` a ratio above 1, such as 1.10.
        statistic: how two versions are compared; `mean` unless the metric is latency
            (`signed_ranks`), a bill (`ratio_of_totals`) or no average at all (`aggregate`).
        payload: for an aggregate that needs more of a trial than one number: scores are made by
            `coded`, carry a text, and have that text's code as their value.
    """

    name: str
    kind: Kind = "bounded"
    unit: str = ""
    low: float = 0.0
    high: float = 1.0
    direction: Direction = "higher_is_better"
    margin: float | None = None
    statistic: Statistic = "mean"
    payload: bool = field(default=False, repr=False)  # runs are called after a scale's repr

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise ValueError(f"scale {self.name!r}: low {self.low} must be below high {self.high}")
        if self.payload and (self.statistic != "aggregate" or (self.low, self.high) != (0.0, 1.0)):
            raise ValueError(f"scale {self.name!r}: a payload is for an aggregate from 0 to 1")

    @property
    def higher_is_better(self) -> bool:
        """Whether a larger score is a better one."""
        return self.direction == "higher_is_better"

    @property
    def worst(self) -> float | None:
        """The worst value on this scale; None where the range is open at that end."""
        value = self.low if self.higher_is_better else self.high
        return value if math.isfinite(value) else None

    @property
    def best(self) -> float | None:
        """The best value on this scale; None where the range is open at that end."""
        value = self.high if self.higher_is_better else self.low
        return value if math.isfinite(value) else None

    def score(self, value: float, note: str = "") -> Score:
        """Return a score on this scale.

        Raises:
            ValueError: the value is not finite or outside the range; nothing is clamped.
        """
        number = float(value)
        if not (math.isfinite(number) and self.low <= number <= self.high):
            raise ValueError(
                f"score {self.name!r} is {value!r}; allowed: {self.low:g} to {self.high:g}"
            )
        return Score(self, number, note)

    def coded(self, payload: str, note: str = "") -> Score:
        """Return a score whose value is the code of what it carries."""
        return Score(self, payload_code(payload), note, payload=payload)

    def unscored(self, reason: str) -> Unscored:
        """Return the statement that this scale cannot be judged here."""
        return Unscored(self, reason)


@dataclass(frozen=True, slots=True)
class Score:
    """One float on a scale, with an optional note for people.

    `votes` are the single opinions behind it, where there are several or may be: per judge one
    number for each time it was asked. They are kept, so that agreement can be measured.

    `payload` is what an aggregate reads in place of the value, which is its code; kept, too.
    """

    scale: Scale
    value: float
    note: str = ""
    votes: tuple[tuple[float, ...], ...] = ()
    payload: str = ""


def payload_code(payload: str) -> float:
    """Return a number strictly between 0 and 1 that stands for a text: 52 bits of its hash.

    Equal texts have equal codes, so rows of codes can be swapped, drawn anew and told to be
    unchanged like any score. The ends stay free for trials of which nothing is known.
    """
    found = hashlib.blake2b(payload.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return ((int.from_bytes(found, "big") >> 12) + 0.5) / 2**52


@dataclass(frozen=True, slots=True)
class Preference:
    """Which of two versions' answers is better, as a value for each side, both on one scale.

    Attributes:
        scale: from 0 to 1.
        baseline, candidate: share of the opinions that prefer this side; both 0 for a tie. Their
            sum is at most 1.
        note: for people.
        votes: the single opinions, per judge one number for each time it was asked: 1 for the
            candidate, -1 for the baseline, 0 for neither; NaN where there is none.
        swapped: opinions that named another answer when the answers changed places; they are ties.
        places: how often the answer shown first, and the one shown second, was preferred.
    """

    scale: Scale
    baseline: float
    candidate: float
    note: str = ""
    votes: tuple[tuple[float, ...], ...] = ()
    swapped: int = 0
    places: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class Unscored:
    """No score, and why; never 0."""

    scale: Scale
    reason: str
