"""How scenarios were dealt where each was answered by one version."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Allocation", "Design"]


@dataclass(frozen=True, slots=True)
class Allocation:
    """How scenarios of one template went to the two sides, and how they should have gone.

    Attributes:
        template: the template.
        scenarios, units: of the baseline and of the candidate; units are what was drawn.
        share: declared share of the candidate's units among those of both sides.
        p_value: exact binomial probability of so uneven a split, or a more uneven one.
        balanced: whether the split goes with the declared share.
    """

    template: str
    scenarios: tuple[int, int]
    units: tuple[int, int]
    share: float
    p_value: float
    balanced: bool


@dataclass(frozen=True, slots=True)
class Design:
    """Each scenario was answered by one side only, drawn at random.

    Attributes:
        unit: what was drawn as a whole: `scenario`, or a column such as `camera_id`.
        allocations: one per template.
    """

    unit: str
    allocations: tuple[Allocation, ...]
    kind: str = "unpaired"
    label: str = "unpaired, randomised"

    @property
    def balanced(self) -> bool:
        """Whether every split goes with the declared one; else nothing here can be relied on."""
        return all(a.balanced for a in self.allocations)
