"""What a job's runs measured, for trends: each metric with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from promptreg.errors import PromptregError
from promptreg.pipeline.parts import make_scoring
from promptreg.pipeline.project import Project
from promptreg.pipeline.stored import stored_run
from promptreg.pipeline.summary import summarise
from promptreg_plugins.web.engine.telling import plain

__all__ = ["figures_of"]


def figures_of(project: Project, run_ids: Sequence[str]) -> list[dict[str, Any]]:
    """Return the metrics of stored runs; one that cannot be read is left out.

    Keys: run_id, at, template, label, metric, share, value, low, high.
    """
    found: list[dict[str, Any]] = []
    try:
        aggregates = make_scoring(project).aggregates
    except PromptregError:
        return found
    for run_id in dict.fromkeys(run_ids):
        try:
            run = stored_run(project, run_id, aggregates)
            lines = summarise(run, project.suite.gate.alpha)
        except PromptregError:
            continue
        facts = run.facts
        for line in lines:
            low, high = line.interval or (None, None)
            found.append(
                {
                    "run_id": run.id,
                    "at": facts.created_at,
                    "template": facts.template,
                    "label": facts.label,
                    "metric": line.metric,
                    "share": line.binary,
                    "value": plain(line.value),
                    "low": plain(low),
                    "high": plain(high),
                }
            )
    return found
