"""What is asked before each look, decided before the first call."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from promptreg import numbers
from promptreg.pipeline.keys import seed_of
from promptreg.pipeline.looks.cut import cut_families, family_of, schedule_of
from promptreg.pipeline.work import Version
from promptreg.policy import LookPolicy
from promptreg.records import Scenario
from promptreg.stats.sequential.spending import Schedule

__all__ = ["Agenda", "Batch", "make_agenda"]

_TIME_OF_SCENARIOS = 0.8
"""When the planned scenarios are used up, where repeats may follow: half of alpha is spent then."""
_MOST_FURTHER_LOOKS = 4


@dataclass(frozen=True, slots=True)
class Batch:
    """What is asked before one look.

    Attributes:
        scenarios: per version, those asked now.
        first: the first repeat asked now.
        repeats: askings that each scenario of a pair has then.
    """

    scenarios: tuple[tuple[Scenario, ...], ...]
    first: int
    repeats: int

    @property
    def trials(self) -> int:
        """Trials of this batch."""
        return (self.repeats - self.first) * sum(map(len, self.scenarios))


@dataclass(frozen=True, slots=True)
class Agenda:
    """Every look that may be taken.

    Attributes:
        batches: one per look; those of scenarios first, then those of further repeats.
        scenario_looks: how many looks there are until the planned scenarios are used up.
        schedule: when the looks are, in shares of the information, and what each may spend.
        families: number of every family; at any time the order in which they are asked.
        largest: scenarios of the largest family, in the version that has most of it.
        notes: what a reader must know of the plan.
    """

    batches: tuple[Batch, ...]
    scenario_looks: int
    schedule: Schedule
    families: dict[str, int]
    largest: int = 1
    notes: tuple[str, ...] = ()

    @property
    def repeats(self) -> int:
        """Askings of each scenario before more are asked for."""
        return self.batches[0].repeats

    @property
    def most_repeats(self) -> int:
        """Askings of each scenario at the most."""
        return self.batches[-1].repeats


def _seed(versions: Sequence[Version]) -> int:
    """Return a seed made of what is planned; the same for a plan, which knows no sides."""
    texts = sorted({(v.template.name, v.template.sha256) for v in versions})
    return seed_of((texts, sorted({s.id for v in versions for s in v.scenarios})))


def make_agenda(
    versions: Sequence[Version],
    paired: Sequence[bool],
    looks: LookPolicy,
    *,
    alpha: float,
    repeats: int,
    asks_anew: bool = True,
) -> Agenda:
    """Return the looks at these versions.

    Families are put in a random order that depends on texts and scenarios alone (with a seed to
    choose, stored answers could be looked at in one order after the other until one passes), and
    cut into equal shares of the scenarios; a family is never split. Versions without a baseline
    are asked whole before the first look: nothing about them is decided early. Further repeats are
    of all scenarios.

    Args:
        versions: what is run.
        paired: whether each is a side of a pair.
        looks: how many, and what may be asked further.
        alpha: error over all looks.
        repeats: askings of each scenario that the suite plans.
        asks_anew: whether the provider can be asked again; recorded completions cannot.
    """
    weights: dict[str, int] = {}
    for version, member in zip(versions, paired, strict=True):
        for scenario in version.scenarios if member else ():
            weights[family_of(scenario)] = weights.get(family_of(scenario), 0) + 1
    cut = cut_families(weights, looks, _seed(versions))
    place, used = cut.place, cut.used
    batches: list[Batch] = []
    for at, look in enumerate(used):
        shares = []
        for version, member in zip(versions, paired, strict=True):
            if member:
                kept = [s for s in version.scenarios if place[family_of(s)] == look]
            else:
                kept = list(version.scenarios) if at == 0 else []
            shares.append(tuple(kept))
        batches.append(Batch(tuple(shares), 0, repeats))
    notes = []
    if len(used) < looks.looks:
        notes.append(
            f"{numbers.count(len(used), 'look')} instead of {looks.looks}: families are never "
            f"split, and there {'is' if len(weights) == 1 else 'are'} {len(weights)}"
        )
    total = sum(weights.values())
    steps, note = _further(looks, repeats, total, asks_anew=asks_anew)
    notes += [note] if note else []
    everything = tuple(
        v.scenarios if member else () for v, member in zip(versions, paired, strict=True)
    )
    first = repeats
    for stop in steps:
        batches.append(Batch(everything, first, stop))
        first = stop
    end = _TIME_OF_SCENARIOS if steps else 1.0
    rest = [end + (1 - end) * (i + 1) / len(steps) for i in range(len(steps))]
    times = (*(end * share for share in cut.shares), *rest)
    return Agenda(
        batches=tuple(batches),
        scenario_looks=len(used),
        schedule=schedule_of(times, alpha, looks),
        families=cut.families,
        largest=max(
            (max(Counter(map(family_of, v.scenarios)).values(), default=1) for v in versions),
            default=1,
        ),
        notes=tuple(notes),
    )


def _further(
    looks: LookPolicy, repeats: int, per_repeat: int, *, asks_anew: bool
) -> tuple[list[int], str]:
    """Return the repeats that each scenario has after each further look, and why there are none."""
    wanted = looks.more_repeats - repeats
    if not looks.more_repeats:
        return [], ""
    if not asks_anew:
        return [], (
            "nothing more can be asked: the provider cannot be asked anew, so gate.more does not "
            "apply; 'repeats' says how many of the recorded completions are compared"
        )
    if wanted < 1:
        return [], (
            f"nothing more can be asked: each scenario is asked {repeats} times already "
            f"(gate.more.repeats is {looks.more_repeats})"
        )
    rounds = wanted
    if looks.more_calls is not None:
        rounds = min(wanted, looks.more_calls // per_repeat)
    if rounds < 1:
        return [], (
            f"nothing more can be asked: one more repeat takes {per_repeat:,} calls "
            f"(gate.more.calls is {looks.more_calls:,})"
        )
    steps = min(rounds, _MOST_FURTHER_LOOKS)
    return [repeats + round(rounds * (i + 1) / steps) for i in range(steps)], ""
