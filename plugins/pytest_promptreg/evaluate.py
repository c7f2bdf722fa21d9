"""`evaluate_prompt(template, scenario)`: one prompt asked, through promptreg's caller and store."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from promptreg.errors import PromptregError, UsageError
from promptreg.pipeline.ask_prompts import Asking
from promptreg.pipeline.project import Project, open_project
from promptreg.pipeline.work import Version
from promptreg.records import Scenario, Score, Template, Trial
from promptreg.stages.render import compile_template
from pytest_promptreg.background import Background
from pytest_promptreg.naming import VERBATIM, ScenarioNames, TemplateNames, Verbatim
from pytest_promptreg.trial import Evaluated

if TYPE_CHECKING:
    from promptreg.stages.render import Renderer

__all__ = ["Evaluator"]

__tracebackhide__ = True  # pytest then shows the line of the test, not the way through here


class Evaluator:
    """A function that asks a suite's provider about one scenario.

        evaluate_prompt = Evaluator("promptreg.yaml")
        result = evaluate_prompt("basic@v2", scenario)

    Everything is opened at the first call. What was asked once is kept in the suite's run store,
    which `promptreg run` and `compare` share; within one evaluator also a failed trial is not
    asked again.

    Args:
        suite: an opened suite, its file or folder; None: the nearest upward.
        version: what a template's bare name means, such as `v2`; empty: its only version.
    """

    def __init__(self, suite: Project | str | Path | None = None, *, version: str = "") -> None:
        self._suite = suite
        self._version = version
        self._opened: _Opened | None = None
        self._release: weakref.finalize[..., Evaluator] | None = None

    def __call__(self, template: str | Template, scenario: Any) -> Evaluated:
        """Return what the model answers.

        Args:
            template: a reference (`basic@v2`, `v2`, `basic@git:HEAD~1`, a file), a template's
                bare name, the text of a known version, or a `promptreg.Template`.
            scenario: a row of `promptreg_scenarios` (of `itertuples`, `iterrows` or `loc`), its
                `formatted_prompt_input`, a scenario's id, a `promptreg.Scenario`, or a
                `promptreg.Prompt`, which is sent as it is.

        Raises:
            UsageError: a template or scenario is unknown, or the template does not serve it.
            TemplateError: the prompt cannot be rendered.
            ProviderError, StoreError: the provider or the store is not available.
        """
        return self.many(template, [scenario])[0]

    def many(self, template: str | Template, scenarios: Iterable[Any]) -> list[Evaluated]:
        """Return what the model answers to several scenarios, asked side by side.

        Raises:
            PromptregError: as for a single one.
        """
        try:
            if self._opened is None:
                self._opened = _Opened(self._project(), self._version)
                # One that nobody closes is closed when it goes, or when the process ends.
                self._release = weakref.finalize(self, self._opened.close)
            return self._opened.ask(template, scenarios)
        except PromptregError as e:
            error = e
        raise error.with_traceback(None)  # the way through promptreg helps nobody

    def close(self) -> None:
        """Release the provider and the store; the next call opens them again."""
        release, self._release, self._opened = self._release, None, None
        if release is not None:
            release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        path = self._suite.path if isinstance(self._suite, Project) else self._suite
        return f"<evaluate_prompt of {path or 'the nearest suite'}>"

    def _project(self) -> Project:
        if isinstance(self._suite, Project):
            return self._suite
        return open_project(None if self._suite is None else str(self._suite))


class _Opened:
    """An evaluator at work."""

    def __init__(self, project: Project, version: str) -> None:
        self._project = project
        self._templates = TemplateNames(project, version)
        self._scenarios = ScenarioNames(project)
        self._renderers: dict[Template, Renderer] = {}
        self._known: dict[tuple[str, str, str, str], Evaluated] = {}
        self._stack = AsyncExitStack()
        self._background = Background()
        try:
            self._asking = self._background.run(self._open())
        except BaseException:
            self._background.close()
            raise

    async def _open(self) -> Asking:
        return await self._stack.enter_async_context(Asking(self._project))

    def close(self) -> None:
        self._background.run(self._stack.aclose())
        self._background.close()

    def ask(self, word: str | Template, asked: Iterable[Any]) -> list[Evaluated]:
        template = self._templates.find(word)
        found = [self._scenarios.find(one, template) for one in asked]
        own = (template.name, template.label, template.sha256)
        keys = [(*own, s.id or f"prompt {s.variables[VERBATIM]}") for s in found]
        missing = {k: s for k, s in zip(keys, found, strict=True) if k not in self._known}
        for key, trial in zip(missing, self._trials(template, missing.values()), strict=True):
            self._known[key] = Evaluated(trial, self._mentions)
        return [self._known[key] for key in keys]

    def _trials(self, template: Template, scenarios: Iterable[Scenario]) -> Iterator[Trial]:
        """Yield a trial for each scenario, in order; those of the suite are asked side by side."""
        for rendered, part in groupby(scenarios, key=lambda s: bool(s.id)):
            if rendered:
                version = Version("", template, self._renderer(template), tuple(part))
                yield from self._background.run(self._asking.ask(version))
                continue
            for scenario in part:
                verbatim = Verbatim(scenario.variables[VERBATIM])
                version = Version("", template, verbatim, (scenario,))
                yield from self._background.run(self._asking.ask(version))

    def _renderer(self, template: Template) -> Renderer:
        if template not in self._renderers:
            self._renderers[template] = compile_template(template, clock=self._project.suite.clock)
        return self._renderers[template]

    def _mentions(self, trial: Trial, point: str) -> bool:
        scorer = self._project.plugins.scorers.create("key_points", {}, "mentions")
        scenario = replace(trial.scenario, ground_truth={"key_points": [point]})
        score = scorer.score(replace(trial, scenario=scenario))
        if not isinstance(score, Score):
            raise UsageError(f"mentions({point!r:.80}): {getattr(score, 'reason', score)}")
        return score.value == 1.0
