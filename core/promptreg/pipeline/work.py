"""What is to be done: which trials of which versions, in which order."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from promptreg.records import Prompt, Scenario, Template
from promptreg.stages.render import Renderer, render

__all__ = ["Item", "Version", "Work"]


@dataclass(frozen=True, slots=True)
class Version:
    """One template version and the scenarios it is asked about.

    Attributes:
        side: `baseline`, `candidate`, or empty outside a comparison.
        template: the version.
        renderer: its compiled form.
        scenarios: the scenarios it serves.
        first_repeat: number of the first repeat; above 0 when a version is compared with itself,
            so that its second half is asked anew.
        lane: small number, one per version.
    """

    side: str
    template: Template
    renderer: Renderer
    scenarios: tuple[Scenario, ...]
    first_repeat: int = 0
    lane: int = 0


@dataclass(frozen=True, slots=True)
class Item:
    """One trial to be made."""

    version: int
    scenario: Scenario
    repeat: int
    """From 0 within the run, whatever `first_repeat` is."""
    prompt: Prompt
    key: str


@dataclass(frozen=True, slots=True)
class Work:
    """Versions to run, interleaved in seeded random scenario order.

    Trials of one template's versions follow each other scenario by scenario, so that both meet
    the server in the same minutes; templates follow one after the other, so that a server's
    prefix cache helps.
    """

    versions: tuple[Version, ...]
    repeats: int
    seed: int
    allow_role_tokens: bool = False
    images: tuple[bool, ...] = ()
    """Whether each version's provider takes images; one that does not is sent text alone."""
    from_repeat: int = 0
    """Repeats before this one were asked already."""

    @property
    def planned(self) -> int:
        """Trials in all."""
        return (self.repeats - self.from_repeat) * sum(len(v.scenarios) for v in self.versions)

    def order(self) -> Iterator[tuple[int, Scenario, int, Prompt]]:
        """Yield (version index, scenario, repeat, prompt) lazily, in the order of asking."""
        for name in dict.fromkeys(v.template.name for v in self.versions):
            members = [i for i, v in enumerate(self.versions) if v.template.name == name]
            yield from self._template(members)

    def _template(self, members: Sequence[int]) -> Iterator[tuple[int, Scenario, int, Prompt]]:
        sets = [self.versions[i].scenarios for i in members]
        served = {s.id: s for scenarios in sets for s in scenarios}
        alike = all(scenarios is sets[0] for scenarios in sets)  # as a rule; a set of ids is large
        holders = [] if alike else [{s.id for s in scenarios} for scenarios in sets]
        for repeat in range(self.from_repeat, self.repeats):
            salt = f"{self.seed}:{repeat}:".encode()
            shuffled = sorted(
                served, key=lambda s: hashlib.blake2b(salt + s.encode(), digest_size=8).digest()
            )
            for place, scenario_id in enumerate(shuffled):
                scenario = served[scenario_id]
                # Which version goes first alternates, so that neither gains from a warm cache.
                turn = members if place % 2 == 0 else members[::-1]
                for i in turn:
                    if alike or scenario_id in holders[members.index(i)]:
                        yield i, scenario, repeat, self._prompt(i, scenario)

    def _prompt(self, index: int, scenario: Scenario) -> Prompt:
        prompt = render(
            self.versions[index].renderer, scenario, allow_role_tokens=self.allow_role_tokens
        )
        if not prompt.images or (self.images and self.images[index]):
            return prompt
        return Prompt(prompt.text)
