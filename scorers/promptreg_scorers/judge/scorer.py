"""The scorer `judge`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from promptreg import (
    BatchScorer,
    Failure,
    Model,
    Scale,
    Scenario,
    Score,
    Services,
    Trial,
    Unscored,
)
from promptreg_scorers._where import Where
from promptreg_scorers.judge.panel import Opinion, combined
from promptreg_scorers.judge.prompting import Examiner, schema_for
from promptreg_scorers.judge.rubrics import Dimension, choose, read_rubrics
from promptreg_scorers.judge.settings import chosen_providers, judge_sampling
from promptreg_scorers.judge.verdict import read_verdict

__all__ = ["Judge"]


class Judge(BatchScorer):
    """Grades that a model gives by a rubric, 1 to 4; one metric for each dimension.

    Built in: relevance, risk_calibration, context_usage, reasoning_quality, threat_identification
    and actionability. The judge sees the scenario, what is known right and the answer; it does not
    see which version gave it. An unreadable verdict is asked for again; where none can be had the
    metric has a gap, never a grade. A failed trial counts as the lowest grade and is not judged.
    Higher is better.

    Example: `{use: judge, provider: {use: llama_cpp, url: http://127.0.0.1:8091}}`.

    Args:
        provider: the judge, as the suite's section `provider`. Sampling it leaves open:
            temperature 0.2 (0.7 if it is asked several times), seed 0, 1,024 tokens.
        judges: several judges instead of one; the grade is their mean.
        rubrics: a YAML or JSON file, or the rubrics themselves: dimension to `question`,
            `anchors` (grade to its meaning) and `scale` (default [1, 4]).
        dimensions: which of them; default: all.
        repeats: how often each judge is asked; the grade is the mean, and reports say how far it
            agrees with itself.
        attempts: asks for one readable verdict.
        calls: `together`: all dimensions in one call; `apart`: one call for each.
        explain: let it write a sentence before the grades; reports show it.
        fields: the answer's fields it sees; default: all.
        show: the scenario's columns it sees; default: all.
        truth: whether it sees what is known right.
        where: property (ground truth, attribute or column) to value or list of values.
        schema: hold verdicts to a JSON schema where the provider can.
        max_chars: characters of scenario and of answer it sees; the rest is cut, and it is told.
        prefix: begins the metrics' names, for a second judge in one suite.
        labels: a file of what people say, as `judge agreement` takes it: where it is enough, the
            difference corrected by it decides in comparisons, which show besides how far the judge
            agrees with people. No score depends on it.
    """

    batch_size = 32
    beside_scores = ("labels",)

    def __init__(
        self,
        provider: Mapping[str, Any] | None = None,
        judges: Sequence[Mapping[str, Any]] | None = None,
        rubrics: str | Mapping[str, Any] | Sequence[Any] | None = None,
        dimensions: Sequence[str] | None = None,
        repeats: int = 1,
        attempts: int = 3,
        calls: Literal["together", "apart"] = "together",
        explain: bool = False,
        fields: Sequence[str] = (),
        show: Sequence[str] | None = None,
        truth: bool = True,
        where: Mapping[str, Any] | None = None,
        schema: bool = True,
        max_chars: int = 12_000,
        prefix: str = "",
        labels: str = "",
        read_text: Callable[[str], str] | None = None,
    ) -> None:
        self.providers = chosen_providers(
            provider, judges, repeats=repeats, attempts=attempts, max_chars=max_chars
        )
        self._dimensions = choose(read_rubrics(_loaded(rubrics, read_text)), dimensions)
        self._repeats, self._attempts = repeats, attempts
        self.labels = labels
        self._where = Where(where)
        groups = [(d,) for d in self._dimensions] if calls == "apart" else [self._dimensions]
        self._groups: list[tuple[tuple[Dimension, ...], Examiner, dict[str, Any] | None]] = [
            (
                group,
                Examiner(group, fields, show, truth, explain, max_chars),
                schema_for(group, explain) if schema else None,
            )
            for group in groups
        ]
        self._sampling = judge_sampling(repeats)
        self.calls_per_trial = len(self.providers) * repeats * len(groups)
        self.scales = tuple(
            Scale(f"{prefix}{d.name}", "ordinal", "", d.low, d.high, margin=(d.high - d.low) / 12)
            for d in self._dimensions
        )

    def applies(self, scenario: Scenario, scale: Scale) -> bool:
        """Return whether the scenario is selected."""
        return self._where.selects(scenario)

    async def identity(self, services: Services) -> Mapping[str, Any]:
        """Return who judges, and the rubrics as they were read."""
        models = [
            dict(await services.model(p, schema=s, sampling=self._sampling).identity())
            for p in self.providers
            for _, _, s in self._groups[:1]
        ]
        rubrics = [[d.name, d.question, d.low, d.high, d.anchors] for d in self._dimensions]
        return {"judges": models, "rubrics": rubrics}

    async def score_batch(
        self, trials: Sequence[Trial], services: Services
    ) -> Sequence[Sequence[Score | Unscored]]:
        """Return one grade, or why there is none, for each dimension of each trial."""
        return await asyncio.gather(*(self._trial(trial, services) for trial in trials))

    async def _trial(self, trial: Trial, services: Services) -> list[Score | Unscored]:
        opinions = await asyncio.gather(
            *(
                self._opinion(services.model(p, schema=s, sampling=self._sampling), prompt, group)
                for group, prompt, s in [(g, e.prompt(trial), s) for g, e, s in self._groups]
                for p in self.providers
            )
        )
        by_judge: list[dict[str, list[Opinion]]] = []
        width = len(self.providers)
        for at in range(width):
            merged: dict[str, list[Opinion]] = {}
            for part in opinions[at::width]:
                merged.update(part)
            by_judge.append(merged)
        return [
            combined(scale, [judge[d.name] for judge in by_judge])
            for d, scale in zip(self._dimensions, self.scales, strict=True)
        ]

    async def _opinion(
        self, model: Model, prompt: str, group: Sequence[Dimension]
    ) -> dict[str, list[Opinion]]:
        """Return what one judge says, by dimension: one opinion for each time it is asked."""
        rounds = await asyncio.gather(
            *(self._round(model, prompt, group, repeat) for repeat in range(self._repeats))
        )
        return {d.name: [said[d.name] for said in rounds] for d in group}

    async def _round(
        self, model: Model, prompt: str, group: Sequence[Dimension], repeat: int
    ) -> dict[str, Opinion]:
        """Ask until every dimension has a grade; each is taken from the first ask that has it."""
        found: dict[str, Opinion] = {}
        missing: dict[str, str] = {}
        for attempt in range(self._attempts):
            said = await model.ask(prompt, repeat * self._attempts + attempt)
            if isinstance(said, Failure):  # the caller has tried again already
                missing = missing or {
                    d.name: f"the judge did not answer: {said.cause}: {said.detail}" for d in group
                }
                break
            verdict = read_verdict(said, group)
            for name, grade in verdict.grades.items():
                found.setdefault(name, Opinion(grade, verdict.why))
            missing = {d.name: verdict.missing.get(d.name, "") for d in group}
            if len(found) == len(group):
                break
        return {
            d.name: found.get(d.name)
            or Opinion(None, missing.get(d.name) or "the judge gave no readable grade")
            for d in group
        }


def _loaded(rubrics: Any, read_text: Callable[[str], str] | None) -> Any:
    if not isinstance(rubrics, str):
        return rubrics
    import yaml  # slow: only where a file is read

    if read_text is None:
        raise ValueError(f"rubrics: found {rubrics!r}, and no suite to look for the file beside")
    text = read_text(rubrics)
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, yaml.SafeLoader)):
            raise ValueError(f"rubrics: {rubrics}: aliases (*name) are not allowed")
        return yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError) as e:
        raise ValueError(f"rubrics: {rubrics}: no valid YAML: {e}") from e
