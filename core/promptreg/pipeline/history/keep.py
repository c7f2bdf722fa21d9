"""Finished comparisons and runs on their way to the history: kept in the outbox, at little cost."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from promptreg.errors import TemplateError
from promptreg.journal.events import content_sha256
from promptreg.past import PastEvent
from promptreg.pipeline.history.origin import origin
from promptreg.pipeline.project import Project
from promptreg.records import Run, Template
from promptreg.stages.render import compile_template
from promptreg.stages.render.engine import with_variables
from promptreg.stages.report import comparison_json
from promptreg.store.outbox import Outbox, Waiting
from promptreg.verdicts import Comparison, Side

__all__ = ["keep_comparison", "keep_event", "keep_runs"]

_ENGINES = ("format", "jinja", "raw")


def keep_comparison(
    project: Project,
    comparison: Comparison,
    page: Callable[[Path], None] | None = None,
    command: str = "",
) -> Waiting | None:
    """Put a comparison into the outbox, and return its entry; None where no run was compared.

    The entry holds the JSON report, the templates' texts and the work tree's place; trials stay
    in the run store until they are recorded.

    Args:
        project: the opened suite.
        comparison: what was concluded.
        page: writes the HTML report to a path; None: the history gets none.
        command: what it was made by.

    Raises:
        StoreError: the entry cannot be written.
    """
    sides = (comparison.baseline, comparison.candidate)
    runs = list(dict.fromkeys(run for side in sides for run in side.run_ids.values()))
    if not runs:
        return None
    report = comparison_json(comparison)
    content = {
        "kind": "comparison",
        "command": command,
        "suite": comparison.suite,
        "created_at": comparison.created_at,
        "runs": runs,
        "slices": sorted({d.slice.attribute for d in comparison.differences if d.slice}),
        "templates": [_plain(t) for t in _texts(project, comparison)],
        "scenarios": project.suite.scenarios,
        "origin": asdict(origin(project.base)),
        "report": report,
    }
    outbox = Outbox(project.store)
    waiting = outbox.put(_id_of(comparison, report), content)
    if page is not None and not waiting.page.exists():
        page(waiting.page)
    return waiting


def keep_runs(project: Project, runs: Sequence[Run], templates: Iterable[Template]) -> Waiting:
    """Put finished runs that nothing was compared with into the outbox, and return the entry.

    Raises:
        StoreError: the entry cannot be written.
    """
    ids = [run.id for run in runs]
    content = {
        "kind": "runs",
        "suite": project.suite.suite,
        "created_at": max(run.facts.created_at for run in runs),
        "runs": ids,
        "slices": sorted({entry.by for entry in project.suite.gate.slices}),
        "templates": [_plain(t) for t in templates],
        "scenarios": project.suite.scenarios,
        "origin": asdict(origin(project.base)),
        "report": None,
    }
    return Outbox(project.store).put(_hash(["runs", sorted(ids)]), content)


def keep_event(
    project: Project,
    event: PastEvent,
    runs: Sequence[str],
    templates: Iterable[Template],
    report: Mapping[str, Any],
) -> Waiting:
    """Put an event into the outbox, with the runs it was found by, and return the entry.

    Its id is made here, of what it says.

    Args:
        project: the opened suite.
        event: what happened; without a report.
        runs: ids of runs.
        templates: the texts of those.
        report: what a program wants to know of it.

    Raises:
        StoreError: the entry cannot be written.
    """
    content = {
        "kind": "event",
        "event": event.kind,
        "suite": event.suite,
        "template": event.template,
        "template_sha256": event.template_sha256,
        "created_at": event.created_at,
        "summary": event.summary,
        "facts": dict(event.facts),
        "page": event.page,
        "runs": list(runs),
        "slices": sorted({entry.by for entry in project.suite.gate.slices}),
        "templates": [_plain(t) for t in templates],
        "scenarios": project.suite.scenarios,
        "origin": asdict(origin(project.base)),
        "report": report,
    }
    id_ = _hash([event.kind, event.suite, event.template, event.summary, sorted(runs)])
    return Outbox(project.store).put(id_, content)


def _id_of(comparison: Comparison, report: Mapping[str, Any]) -> str:
    """Return a hash of what was compared, under which policy, and what came of it."""
    sides = (comparison.baseline, comparison.candidate)
    return _hash(
        [
            comparison.suite,
            [[side.label, sorted(side.run_ids.items())] for side in sides],
            comparison.policy_sha256,
            report["gate"],
            *([p.fingerprint for p in comparison.pairwise]),
        ]
    )


def _hash(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def _texts(project: Project, comparison: Comparison) -> Iterable[Template]:
    """Return the compared versions whose text is known.

    A comparison shows texts and hashes; the engine is the one with which text and hash agree.
    """
    for shown, pair in comparison.template_diffs.items():
        for side, text in zip((comparison.baseline, comparison.candidate), pair, strict=True):
            found = _version(project, shown, side, text)
            if found is not None:
                yield found


def _version(project: Project, shown: str, side: Side, text: str) -> Template | None:
    name, _, at = shown.partition("@")  # several labels of a template are shown as template@label
    sha256 = side.template_sha256.get(shown)
    entry = project.suite.templates.get(name)
    for engine in dict.fromkeys((entry.engine if entry else "format", *_ENGINES)):
        if content_sha256(engine, text) == sha256:
            label = at or side.label.rpartition("@")[2]
            return Template(name, label, engine, text, source=side.sources.get(shown, ""))
    return None


def _plain(template: Template) -> dict[str, Any]:
    with contextlib.suppress(TemplateError):  # of another clock; the text is what counts
        template = with_variables(template, compile_template(template))
    return {
        "name": template.name,
        "label": template.label,
        "engine": template.engine,
        "text": template.text,
        "sha256": template.sha256,
        "variables": list(template.variables),
        "source": template.source,
    }
