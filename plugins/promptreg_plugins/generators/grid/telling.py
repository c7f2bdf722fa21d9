"""Which story each cell tells, and telling it so that no two scenarios are nearly the same."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from promptreg.protocols import Generated
from promptreg.stages.generate import shingles, similarity
from promptreg_plugins.generators.design import Dice
from promptreg_plugins.generators.home_security.scene import scene, tiers_for
from promptreg_plugins.generators.home_security.stories import Motif, load_stories

__all__ = ["Telling"]

_TRIES = 8
_TOO_ALIKE = 0.7
"""Lower than what is reported as a near-duplicate, so that few are left to report."""
Cell = Mapping[str, str]


class Telling:
    """Tells a scene for each cell.

    Args:
        path: a file of stories; None: those that come along.
    """

    def __init__(self, path: str | None) -> None:
        stories, self.sha256 = load_stories(path)
        self._motifs: dict[tuple[str, str], list[Motif]] = defaultdict(list)
        for story in stories:
            self._motifs[story.scenario_type, story.primary_object] += story.motifs

    def tell(self, cells: Sequence[Cell], seed: int) -> Iterator[Generated]:
        """Yield a scenario per cell, in order; one that nothing can be told of, with the reason."""
        casting = _Casting(self._motifs, seed)
        told: dict[str, list[tuple[str, frozenset[str]]]] = defaultdict(list)
        for i, cell in enumerate(cells):
            slot = f"g{i + 1:05d}"
            motif, tier = casting.cast(cell)
            if motif is None:
                kind, thing = cell["scenario_type"], cell["primary_object"]
                reason = (
                    f"no story of type {kind} about a {thing} may happen in the "
                    f"{cell['time_of_day']}"
                )
                yield Generated(slot, None, (reason,))
                continue
            yield _tell_once(slot, cell, motif, tier, told[motif.family], seed)


def _tell_once(
    slot: str,
    cell: Cell,
    motif: Motif,
    tier: str,
    before: list[tuple[str, frozenset[str]]],
    seed: int,
) -> Generated:
    """Tell it again while it is nearly what was told; keep the one least like all others."""
    reasons: list[str] = []
    best: tuple[float, dict[str, Any], frozenset[str]] | None = None
    for attempt in range(_TRIES):
        row = scene(slot, cell, motif, tier, Dice("scene", seed, slot, attempt))
        runs = shingles(f"{row['scenario_narrative']}\n{row['detections_list']}")
        nearest = max(
            ((similarity(runs, other), name) for name, other in before), default=(0.0, "")
        )
        if best is None or nearest[0] < best[0]:
            best = (nearest[0], row, runs)
        if nearest[0] < _TOO_ALIKE:
            break
        reasons.append(f"nearly the same as another of its family ({nearest[0]:.1f} alike)")
    assert best is not None  # noqa: S101 - for the type checker; there is at least one attempt
    _, row, runs = best
    before.append((slot, runs))
    for check in ("detection_schema_valid", "temporal_consistency"):
        if not row[check]:
            return Generated(slot, None, (*reasons, f"{check} is false"))
    return Generated(slot, row, tuple(reasons))


class _Casting:
    """Spreads motifs and tiers evenly over the cells that could have them."""

    def __init__(self, motifs: Mapping[tuple[str, str], Sequence[Motif]], seed: int) -> None:
        dice = Dice("casting", seed)
        self._motifs = {key: dice.shuffled(motifs[key]) for key in sorted(motifs)}
        self._used: Counter[str] = Counter()
        self._told: Counter[tuple[str, ...]] = Counter()
        self._tiers: Counter[tuple[str, str, str]] = Counter()

    def cast(self, cell: Cell) -> tuple[Motif | None, str]:
        """Return the motif used least so far, and the tier used least for such a scene."""
        key = cell["scenario_type"], cell["primary_object"]
        fitting = [
            m for m in self._motifs.get(key, ()) if cell["time_of_day"] not in m.story.not_at
        ]
        if not fitting:
            return None, ""
        camera = cell["camera_location"]
        motif = min(fitting, key=lambda m: (self._used[m.family], self._told[m.family, camera]))
        self._used[motif.family] += 1
        self._told[motif.family, camera] += 1
        kind, fault = cell["scenario_type"], cell["enrichment_fault"]
        tier = min(tiers_for(cell["enrichment_level"]), key=lambda t: self._tiers[t, kind, fault])
        self._tiers[tier, kind, fault] += 1
        return motif, tier
