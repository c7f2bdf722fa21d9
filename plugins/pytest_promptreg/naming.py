"""What tests may write for a template version and for a scenario, and what it stands for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from promptreg.errors import UsageError, did_you_mean
from promptreg.pipeline.project import Options, Project
from promptreg.pipeline.versions import lookup, serves
from promptreg.records import Prompt, Scenario, Template
from promptreg.stages.load import RunRef, load_template
from pytest_promptreg.frame import PromptInput

__all__ = ["VERBATIM", "ScenarioNames", "TemplateNames", "Verbatim"]

VERBATIM = "prompt"
"""Variable of the nameless scenario that stands for a prompt which is sent as it is."""


class Verbatim:
    """A renderer whose prompt is known already."""

    variables: frozenset[str] = frozenset()
    where = "prompt"

    def __init__(self, text: str) -> None:
        self._text = text

    def render(self, variables: Mapping[str, Any]) -> str:
        """Return the text."""
        return self._text

    def smuggled(self, variables: Mapping[str, Any], text: str) -> None:
        """Return nothing: whoever writes a whole prompt means what it holds."""


class TemplateNames:
    """Finds template versions.

    Args:
        project: the opened suite.
        version: what a template's bare name means; empty: its only version.
    """

    def __init__(self, project: Project, version: str) -> None:
        self._project = project
        self._version = version
        self._found: dict[str, Template] = {}
        self._by_text: dict[str, list[Template]] | None = None

    def find(self, word: str | Template) -> Template:
        """Return the version that a word names.

        Raises:
            UsageError: nothing, or more than one version, is called so.
        """
        if isinstance(word, Template):
            return word
        if not isinstance(word, str):
            raise UsageError(
                f"evaluate_prompt: the template is {word!r:.80}; allowed: a reference such as "
                "'basic@v2', a version's text, or a promptreg.Template"
            )
        if word not in self._found:
            self._found[word] = self._resolve(word)
        return self._found[word]

    def _resolve(self, word: str) -> Template:
        entry = self._project.suite.templates.get(word)
        if entry is not None:
            label = self._version or (
                next(iter(entry.versions)) if len(entry.versions) == 1 else ""
            )
            if not label:
                raise UsageError(
                    f"evaluate_prompt: the template {word!r} has the versions "
                    f"{', '.join(entry.versions) or 'none'}: write {word}@VERSION, or set the ini "
                    "key promptreg_version"
                )
            word = f"{word}@{label}"
        elif "\n" in word or "{" in word:
            return self._of_text(word)
        found = lookup(self._project, word, Options())
        if isinstance(found, RunRef):
            raise UsageError(f"evaluate_prompt: {word!r} is a run; allowed: a template version")
        if len(found) > 1:
            raise UsageError(
                f"evaluate_prompt: {word!r} names a version of {len(found)} templates: "
                f"{', '.join(f'{name}@{word}' for name in found)}; write which"
            )
        return next(iter(found.values()))

    def _of_text(self, text: str) -> Template:
        if self._by_text is None:
            self._by_text = {}
            for name, entry in self._project.suite.templates.items():
                for label in entry.versions:
                    known = load_template(name, label, entry, self._project.base)
                    self._by_text.setdefault(known.text, []).append(known)
        found = self._by_text.get(text.replace("\r\n", "\n").removeprefix("\ufeff"), [])
        if not found:
            raise UsageError(
                f"evaluate_prompt: the template text {text!r:.60} is the text of no version of "
                f"the suite ({', '.join(self._project.suite.templates)})"
            )
        if len({t.name for t in found}) > 1:
            names = ", ".join(f"{t.name}@{t.label}" for t in found)
            raise UsageError(f"evaluate_prompt: {names} have the same text; write which")
        return found[0]


class ScenarioNames:
    """Finds scenarios.

    Args:
        project: the opened suite.
    """

    def __init__(self, project: Project) -> None:
        self._project = project
        self._set = project.scenarios(Options())
        self._by_id = {s.id: s for s in self._set.scenarios}
        self._by_text: dict[str, list[Scenario]] | None = None
        self._served: dict[str, frozenset[str]] = {}

    def find(self, word: Any, template: Template) -> Scenario:
        """Return the scenario that a row, a text or an id stands for.

        Raises:
            UsageError: it is unknown, or the template does not serve it.
        """
        if isinstance(word, Prompt):
            return Scenario("", {VERBATIM: word.text}, images=word.images)
        if isinstance(word, Scenario):
            return word
        scenario = self._known(word)
        if scenario.id not in self._serves(template.name):
            rules = self._project.suite.select[template.name]
            routed = ", ".join(f"{name}: {value}" for name, value in rules.items())
            raise UsageError(
                f"evaluate_prompt: the template {template.name!r} does not serve the scenario "
                f"{scenario.id!r} (select: {routed}); the column 'templates' says which do"
            )
        return scenario

    def _known(self, word: Any) -> Scenario:
        name = _id_of(word)
        if isinstance(name, str) and name in self._by_id:
            return self._by_id[name]
        if isinstance(word, str):
            return self._of_text(word)
        if name is None:
            raise UsageError(
                f"evaluate_prompt: {word!r:.80} is no scenario; allowed: a row of "
                "promptreg_scenarios, its formatted_prompt_input, an id, or promptreg.Prompt(text)"
            )
        raise self._unknown(str(name))

    def _of_text(self, text: str) -> Scenario:
        if self._by_text is None:
            self._by_text = {}
            for scenario in self._set.scenarios:
                shown = str(PromptInput.of(scenario))
                self._by_text.setdefault(shown, []).append(scenario)
        found = self._by_text.get(text, [])
        if len(found) == 1:
            return found[0]
        if found:
            raise UsageError(
                f"evaluate_prompt: {len(found)} scenarios have this formatted_prompt_input: "
                f"{', '.join(s.id for s in found[:5])}; pass the row"
            )
        raise self._unknown(text)

    def _unknown(self, name: str) -> UsageError:
        shown = name if len(name) <= 60 else f"{name[:57]}..."
        return UsageError(
            f"evaluate_prompt: {shown!r} is no scenario of {self._set.source}"
            f"{did_you_mean(shown, self._by_id)}; allowed: a row of promptreg_scenarios, its "
            "formatted_prompt_input, or an id; promptreg.Prompt(text) is sent as it is"
        )

    def _serves(self, template: str) -> frozenset[str]:
        if template not in self._served:
            served = serves(self._project, template, self._set)
            self._served[template] = frozenset(s.id for s in served)
        return self._served[template]


def _id_of(word: Any) -> str | None:
    """Return the id that a row, or an id itself, carries; numbers as the text they stand for."""
    if isinstance(word, PromptInput):
        return word.scenario_id
    if isinstance(word, str):
        return word
    for name in ("id", "scenario_id"):
        value = word.get(name) if isinstance(word, Mapping) else getattr(word, name, None)
        if value is not None:
            return str(value)
    return None
