"""A suite, opened from Python."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from promptreg.api.comparison import ComparisonResult
from promptreg.api.frames import scenario_frame
from promptreg.api.generated import GeneratedSet
from promptreg.api.plan import PlanResult
from promptreg.api.plot import Plot
from promptreg.api.runs import RunResult, RunResults
from promptreg.api.wishes import Wishes, options_of
from promptreg.discovery import Plugins
from promptreg.errors import UsageError
from promptreg.pipeline.parts import make_scoring
from promptreg.pipeline.project import Options, Project, open_project
from promptreg.pipeline.summary import run_versions, summarise
from promptreg.stages.report.text import one_line
from promptreg.store.runs import list_runs

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["OpenSuite", "open_suite"]


def open_suite(path: str | Path | None = None, *, plugins: Plugins | None = None) -> OpenSuite:
    """Return a suite, read and checked, ready to be asked.

    Args:
        path: the suite file or its folder; None: the nearest from the current folder upward.
        plugins: in place of those installed.

    Raises:
        SuiteError: there is no suite file, or it says something it may not.
        PluginError: plug-ins contradict each other.
    """
    return OpenSuite(open_project(None if path is None else str(path), plugins))


class OpenSuite:
    """A suite: what the command line does, as methods.

    Errors are `promptreg.PromptregError`s with the same words as on the command line.

    Attributes:
        project: the opened suite, for those who need what lies below.
    """

    def __init__(self, project: Project) -> None:
        self.project = project

    @property
    def name(self) -> str:
        """The suite's name."""
        return self.project.suite.suite

    @property
    def templates(self) -> dict[str, list[str]]:
        """Template to the labels of its versions."""
        return {name: list(entry.versions) for name, entry in self.project.suite.templates.items()}

    @property
    def scenarios(self) -> pd.DataFrame:
        """One row per scenario, in file order."""
        return scenario_frame(self.project, self.project.every_scenario())

    def run(self, *refs: str, **wishes: Unpack[Wishes]) -> RunResults:
        """Run template versions, as `promptreg run` does; what was asked once is not asked again.

        Raises:
            UsageError: a reference names nothing that can be run, or a keyword is unknown.
            ExecutionError: the provider, the store or the budget stopped the work; the same call
                goes on.
        """
        if not refs:
            raise UsageError("run needs a version, such as run('v1')")
        executed, summaries, ranking = run_versions(self.project, refs, options_of(wishes))
        results = tuple(RunResult(s.run, s.metrics) for s in summaries)
        return RunResults(results, ranking, executed.warnings)

    def compare(self, baseline: str, candidate: str, **wishes: Unpack[Wishes]) -> ComparisonResult:
        """Run what is missing of both versions and compare them, as `promptreg compare` does.

        Raises:
            NotComparableError: the sides differ in more than the template, or too much is missing.
            UsageError, ExecutionError: as `run`.
        """
        from promptreg.pipeline.compare import compare

        found = compare(self.project, baseline, candidate, options_of(wishes))
        return ComparisonResult(found, self.project)

    def plan(self, baseline: str, candidate: str, **wishes: Unpack[Wishes]) -> PlanResult:
        """Return what a comparison would cost and could see; no model is called."""
        from promptreg.pipeline.plan import plan

        return PlanResult(plan(self.project, [baseline, candidate], options_of(wishes)))

    def runs(self) -> pd.DataFrame:
        """Return the stored runs, the newest first; `problem` says why one cannot be read."""
        import pandas as pd

        rows = []
        for found in list_runs(self.project.store):
            facts = found.facts
            rows.append(
                {
                    "id": found.id,
                    "template": facts.template if facts else None,
                    "label": facts.label if facts else None,
                    "created_at": facts.created_at if facts else None,
                    "scenarios": found.scenarios,
                    "repeats": found.repeats,
                    "failed": found.counts.get("failed"),
                    "partial": facts.partial if facts else None,
                    "synthetic": facts.synthetic if facts else None,
                    "problem": found.problem or None,
                }
            )
        return pd.DataFrame(rows)

    def load_run(self, run_id: str) -> RunResult:
        """Return a stored run by its id, or the beginning of it.

        Raises:
            UsageError: no run, or more than one, is called so.
            StoreError: it is damaged.
        """
        from promptreg.pipeline.stored import stored_run

        scoring = make_scoring(self.project)
        run = stored_run(self.project, run_id.removeprefix("run:"), scoring.aggregates)
        return RunResult(run, summarise(run, self.project.suite.gate.alpha))

    def search(self, text: str, n: int = 10, **wishes: Unpack[Wishes]) -> pd.DataFrame:
        """Return the scenarios whose meaning is nearest to a text, by the suite's embedder.

        Raises:
            SuiteError: the suite names no embedder.
            PluginError: a package the embedder needs is not installed.
        """
        import pandas as pd

        from promptreg.pipeline.embed import search

        found = search(self.project, text, _narrowing(wishes), n)
        return pd.DataFrame(
            [{"scenario_id": f.scenario.id, "cosine": f.cosine, "text": f.text} for f in found]
        )

    def map(self, by: str | None = None, **wishes: Unpack[Wishes]) -> Plot:
        """Return the scenarios like beside like, told apart by an attribute.

        Raises:
            SuiteError, PluginError: as `search`.
            UsageError: no scenario has the attribute.
        """
        from promptreg.pipeline.embed import lay_out
        from promptreg.pipeline.embed.drawn import attribute_of, drawn

        options = _narrowing(wishes)
        attribute = attribute_of(self.project.scenarios(options), by)
        picture = drawn(lay_out(self.project, options), attribute)
        return Plot.of(f"Map of scenarios by {attribute}", picture)

    def generate(
        self, output: str | Path | None = None, *, seed: int | None = None
    ) -> GeneratedSet:
        """Make the scenarios as the section `generate` says and freeze them in a folder.

        Args:
            output: in place of the suite's folder.
            seed: in place of the suite's.

        Raises:
            SuiteError: the suite has no such section.
            UsageError: the folder holds changes that would be overwritten.
            ExecutionError: too many scenarios could not be made.
        """
        from promptreg.pipeline.generate import generate, open_generation

        opened = open_generation(
            str(self.project.path),
            seed=seed,
            output=None if output is None else str(output),
            plugins=self.project.plugins,
        )
        _, manifest = generate(opened)
        assert manifest is not None  # noqa: S101 - for the type checker: only a preview has none
        return GeneratedSet.read(opened.target, manifest)

    def check(self) -> pd.DataFrame:
        """Return what `promptreg validate` finds, the errors first; no model is called."""
        import pandas as pd

        from promptreg.pipeline.validate import check

        rows = [asdict(f) for f in check(self.project).findings]
        return pd.DataFrame(rows, columns=["level", "code", "where", "message"])

    def __repr__(self) -> str:
        names = ", ".join(
            f"{name} ({', '.join(labels)})" for name, labels in self.templates.items()
        )
        return f"<suite {one_line(self.name, 60)}: {names}>"


def _narrowing(wishes: Wishes) -> Options:
    return options_of(wishes, ("where", "limit", "seed"))
