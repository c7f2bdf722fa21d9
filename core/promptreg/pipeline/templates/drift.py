"""Where the suite and the registry contradict each other: findings for `validate`."""

from __future__ import annotations

from collections.abc import Iterator

from promptreg.errors import PromptregError
from promptreg.pipeline.project import Project
from promptreg.pipeline.templates.listing import list_templates
from promptreg.stages.lint import Finding

__all__ = ["lint_registry"]


def lint_registry(project: Project) -> Iterator[Finding]:
    """Yield labels that drifted, words with two meanings, and aliases that are disputed."""
    try:
        state, rows = list_templates(project)
    except PromptregError as e:
        yield Finding("error", "registry", project.suite.registry, str(e))
        return
    for row in rows:
        for label, registered in row.drifted:
            yield Finding(
                "warning",
                "drifted-label",
                f"{row.template}@{label}",
                f"the suite's text ({row.sha256[:12]}) is not the one registered under this label "
                f"({registered[:12]}); 'promptreg templates diff "
                f"{row.template}@sha256:{registered[:12]} {row.template}@{label}' shows the "
                "difference. Give the new text a label of its own",
            )
    for name, aliases in state.aliases.items():
        entry = project.suite.templates.get(name)
        for alias, found in aliases.items():
            if entry is not None and alias in entry.versions:
                yield Finding(
                    "error",
                    "label-is-alias",
                    f"{name}@{alias}",
                    f"is a label of the suite and an alias in {project.suite.registry}; give the "
                    "label another name",
                )
            if found.disputed:
                targets = " and ".join(f"{h.label} ({h.to_sha256[:12]})" for h in found.heads)
                yield Finding(
                    "warning",
                    "disputed-alias",
                    f"{name}@{alias}",
                    f"branches that were merged moved it to {targets}; 'promptreg templates "
                    f"rollback {name} --alias {alias} --to LABEL' says which one it is",
                )
