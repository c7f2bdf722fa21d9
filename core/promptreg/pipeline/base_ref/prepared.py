"""What has to be asked: versions that render, less those whose prompts did not change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from promptreg.pipeline.base_ref.touched import Edit
from promptreg.pipeline.project import Project
from promptreg.pipeline.versions import make_version, serves
from promptreg.pipeline.work import Version
from promptreg.records import ScenarioSet
from promptreg.stages.render import render

__all__ = ["Prepared", "prepare"]


@dataclass(slots=True)
class Prepared:
    """What has to be asked, and what need not be.

    Attributes:
        versions: to be run; a baseline is followed by its candidate, a new version stands alone.
        shown: what reports call each of them.
        identical: names of edits that change no prompt.
        new: names of versions without a baseline.
        diffs: name to (baseline text, candidate text).
        notes: what was left out.
    """

    versions: list[Version] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)
    identical: list[str] = field(default_factory=list)
    new: list[str] = field(default_factory=list)
    diffs: dict[str, tuple[str, str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def add(self, version: Version, shown: str) -> None:
        """Take a version in, in the next lane."""
        self.versions.append(replace(version, lane=len(self.versions)))
        self.shown.append(shown)


def prepare(
    project: Project, edits: Sequence[Edit], every: ScenarioSet, chosen: ScenarioSet
) -> Prepared:
    """Return what has to be asked about the `chosen` of `every` scenario.

    Whether an edit changes any prompt is decided on every scenario, not on the chosen ones.

    Raises:
        TemplateError: a version cannot be compiled or rendered; nothing was sent.
    """
    found = Prepared()
    for edit in edits:
        name = edit.candidate.name
        served, asked = serves(project, name, every), serves(project, name, chosen)
        candidate = make_version(project, edit.candidate, served, side="candidate")
        found.diffs[edit.shown] = (edit.baseline.text if edit.baseline else "", edit.candidate.text)
        baseline = None
        if edit.baseline is not None:
            baseline = make_version(project, edit.baseline, served, side="baseline")
            if served and _same_prompts(baseline, candidate, project.suite.allow_role_tokens):
                found.identical.append(edit.shown)
                continue
        if not asked:
            found.notes.append(f"{edit.shown} serves none of the chosen scenarios; left out")
            continue
        if baseline is None:
            found.new.append(edit.shown)
        else:
            found.add(replace(baseline, scenarios=asked), edit.shown)
        found.add(replace(candidate, scenarios=asked), edit.shown)
    return found


def _same_prompts(baseline: Version, candidate: Version, loose: bool) -> bool:
    return all(
        render(baseline.renderer, s, allow_role_tokens=loose)
        == render(candidate.renderer, s, allow_role_tokens=loose)
        for s in candidate.scenarios
    )
