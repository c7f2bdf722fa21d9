"""The scorer `preference`."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from promptreg import (
    Failure,
    Model,
    Pair,
    PairScorer,
    Scale,
    Scenario,
    Services,
    Unscored,
)
from promptreg import Preference as Preferred
from promptreg_scorers._where import Where
from promptreg_scorers.judge.comparing import (
    Comparer,
    choice_schema,
    read_choice,
    read_criteria,
)
from promptreg_scorers.judge.material import Material
from promptreg_scorers.judge.settings import chosen_providers, judge_sampling

__all__ = ["Preference"]


@dataclass(frozen=True, slots=True)
class _Opinion:
    """1 for the candidate, -1 for the baseline, 0 for neither, None for none; and how it came."""

    side: int | None
    why: str = ""
    swapped: bool = False
    first: int = 0
    second: int = 0


class Preference(PairScorer):
    """Which of two versions' answers a model prefers, whichever stands first; in comparisons only.

    A judge is shown both answers to the same scenario, twice: in one order and in the other. Only
    what it prefers both times is won by one side; else it is a tie, and reports say how often the
    order decided. The judge does not see which version gave which answer. A failed trial loses to
    an answered one, two failed are a tie, and so are answers that are the same; none of them costs
    a call. Where no readable choice can be had, the pair is a gap: counted for either side.

    The metric is the share of answers that win; its difference, from -1 to 1, is the net share of
    wins. It is shown only, unless `gate: true`, or `prove` or a guard of the suite names it.

    Example: of 10 pairs 5 are won by the candidate, 2 by the baseline: 20.0%, 50.0%, +30.0pp.

    Args:
        provider: the judge, as the suite's section `provider`. Sampling it leaves open:
            temperature 0.2 (0.7 if it is asked several times), seed 0, 1,024 tokens.
        judges: several judges instead of one; a side's share is the mean over judges.
        criteria: in words, what makes an answer better: a text, or a list of them.
        repeats: how often each judge is asked, in both orders each time.
        attempts: asks for one readable choice.
        explain: let it write a sentence before the choice; reports show it.
        fields: the answer's fields it sees; default: all.
        show: the scenario's columns it sees; default: all.
        truth: whether it sees what is known right.
        where: property (ground truth, attribute or column) to value or list of values.
        schema: hold choices to a JSON schema where the provider can.
        max_chars: characters of scenario and of each answer it sees; the rest is cut, and it is
            told.
        gate: whether the metric may accuse; it then needs a margin in the suite.
        name: of the metric.
    """

    def __init__(
        self,
        provider: Mapping[str, Any] | None = None,
        judges: Sequence[Mapping[str, Any]] | None = None,
        criteria: str | Sequence[str] | None = None,
        repeats: int = 1,
        attempts: int = 3,
        explain: bool = False,
        fields: Sequence[str] = (),
        show: Sequence[str] | None = None,
        truth: bool = True,
        where: Mapping[str, Any] | None = None,
        schema: bool = True,
        max_chars: int = 12_000,
        gate: bool = False,
        name: str = "preferred",
    ) -> None:
        self.providers = chosen_providers(
            provider, judges, repeats=repeats, attempts=attempts, max_chars=max_chars
        )
        self._criteria = read_criteria(criteria)
        self._comparer = Comparer(self._criteria, Material(fields, show, truth, max_chars), explain)
        self._schema = choice_schema(explain) if schema else None
        self._repeats, self._attempts = repeats, attempts
        self._sampling = judge_sampling(repeats)
        self._where = Where(where)
        self.gates = gate
        self.calls_per_pair = 2 * len(self.providers) * repeats
        whole = self.calls_per_pair == 2  # one opinion: a pair is won, lost or tied
        self.scales = (Scale(name, "binary" if whole else "bounded", margin=0.10),)

    def applies(self, scenario: Scenario, scale: Scale) -> bool:
        """Return whether the scenario is selected."""
        return self._where.selects(scenario)

    async def identity(self, services: Services) -> Mapping[str, Any]:
        """Return who judges, and by which criteria."""
        models = [dict(await model.identity()) for model in self._models(services)]
        return {"judges": models, "criteria": list(self._criteria)}

    async def score_pairs(
        self, pairs: Sequence[Pair], services: Services
    ) -> Sequence[Preferred | Unscored]:
        """Return one preference, or why there is none, for each pair."""
        return await asyncio.gather(*(self._pair(pair, services) for pair in pairs))

    def _models(self, services: Services) -> list[Model]:
        return [
            services.model(p, schema=self._schema, sampling=self._sampling) for p in self.providers
        ]

    async def _pair(self, pair: Pair, services: Services) -> Preferred | Unscored:
        scale = self.scales[0]
        if self._comparer.same(pair.baseline, pair.candidate):
            return Preferred(scale, 0.0, 0.0, "both gave the same answer")
        prompts = (
            self._comparer.prompt(pair.baseline, pair.candidate),
            self._comparer.prompt(pair.candidate, pair.baseline),
        )
        models = self._models(services)
        said = await asyncio.gather(
            *(self._opinion(m, prompts, r) for m in models for r in range(self._repeats))
        )
        n = self._repeats
        return _combined(scale, [said[at : at + n] for at in range(0, len(said), n)])

    async def _opinion(self, model: Model, prompts: tuple[str, str], repeat: int) -> _Opinion:
        """Ask in both orders; only what is said both times is said."""
        first, why, remark = await self._ask(model, prompts[0], repeat)
        if not first:
            return _Opinion(None, why)
        second, why, other = await self._ask(model, prompts[1], repeat)
        if not second:
            return _Opinion(None, why)
        one = {"A": -1, "B": 1, "tie": 0}[first]
        two = {"A": 1, "B": -1, "tie": 0}[second]
        same = one == two
        return _Opinion(
            one if same else 0,
            remark if same else " / ".join(dict.fromkeys(filter(None, (remark, other)))),
            not same,
            (first, second).count("A"),
            (first, second).count("B"),
        )

    async def _ask(self, model: Model, prompt: str, repeat: int) -> tuple[str, str, str]:
        """Return the first readable choice, or why there is none, and what was said besides."""
        why = ""
        for attempt in range(self._attempts):
            said = await model.ask(prompt, repeat * self._attempts + attempt)
            if isinstance(said, Failure):  # the caller has tried again already
                return "", why or f"the judge did not answer: {said.cause}: {said.detail}", ""
            choice, why, remark = read_choice(said)
            if choice:
                return choice, "", remark
        return "", why, ""


def _combined(scale: Scale, judges: Sequence[Sequence[_Opinion]]) -> Preferred | Unscored:
    """Return the mean over judges; without one of them it would be that of another panel."""
    shares: list[tuple[float, float]] = []
    for at, opinions in enumerate(judges):
        sides = [o.side for o in opinions if o.side is not None]
        if 2 * len(sides) <= len(opinions):
            reason = next(o.why for o in opinions if o.side is None)
            who = f"judge {at + 1} of {len(judges)}: " if len(judges) > 1 else ""
            return scale.unscored(who + reason)
        shares.append((sides.count(-1) / len(sides), sides.count(1) / len(sides)))
    every = [o for opinions in judges for o in opinions]
    return Preferred(
        scale,
        math.fsum(b for b, _ in shares) / len(shares),
        math.fsum(c for _, c in shares) / len(shares),
        next((o.why for o in every if o.side is not None and o.why), ""),
        tuple(tuple(math.nan if o.side is None else float(o.side) for o in j) for j in judges),
        sum(o.swapped for o in every),
        (sum(o.first for o in every), sum(o.second for o in every)),
    )
