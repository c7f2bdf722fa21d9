"""`promptreg templates list`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from promptreg.cli import options as o

if TYPE_CHECKING:
    from promptreg.journal import State
    from promptreg.pipeline.templates.listing import Listed

__all__ = ["list_"]


def list_(
    config: o.Config = None,
    template: o.TemplateNames = None,
    as_json: o.AsJson = False,
    env_file: o.EnvFile = None,
) -> int:
    """Show every version: its hash, whether it is registered, and which aliases point to it."""
    from promptreg.cli.show import print_json
    from promptreg.pipeline.project import open_project
    from promptreg.pipeline.templates.listing import list_templates

    o.read_env_file(env_file)
    project = open_project(config)
    state, rows = list_templates(project, template or ())
    if as_json:
        print_json(_as_json(state, rows))
    else:
        _show(state, rows)
    return 0


def _as_json(state: State, rows: list[Listed]) -> dict[str, Any]:
    from promptreg.cli.templates.words import registered_json

    templates: dict[str, dict[str, Any]] = {}
    for row in rows:
        found = templates.setdefault(
            row.template,
            {
                "template": row.template,
                "in_suite": row.in_suite,
                "aliases": {
                    name: [
                        {"sha256": h.to_sha256, "label": h.label, "at": h.at, "by": h.by}
                        for h in alias.heads
                    ]
                    for name, alias in state.aliases.get(row.template, {}).items()
                },
                "versions": [],
            },
        )
        found["versions"].append(
            {
                "labels": list(row.labels),
                "sha256": row.sha256 or None,
                "engine": row.engine,
                "registered": registered_json(row.registered),
                "aliases": list(row.aliases),
                "drifted": [{"label": x, "registered_sha256": sha} for x, sha in row.drifted],
                "problem": row.problem or None,
            }
        )
    return {"registry": state.path, "templates": list(templates.values())}


def _show(state: State, rows: list[Listed]) -> None:
    from promptreg.cli.show import print_table
    from promptreg.cli.templates.words import short
    from promptreg.stages.report.text import one_line

    print_table(
        ["template", "version", "hash", "aliases", "registered", "remark"],
        [
            [
                row.template,
                ", ".join(row.labels or (row.registered.labels if row.registered else ())),
                short(row.sha256),
                ", ".join(row.aliases) or "-",
                row.registered.registered.at[:10] if row.registered else "no",
                one_line(_remark(row), 200),
            ]
            for row in rows
        ],
        set(),
    )
    for name, aliases in state.aliases.items():
        for alias, found in aliases.items():
            if found.disputed:
                targets = " and ".join(f"{h.label} ({short(h.to_sha256)})" for h in found.heads)
                print(f"{name}@{alias} is disputed: merged branches moved it to {targets}")


def _remark(row: Listed) -> str:
    if row.problem:
        return row.problem
    if row.drifted:
        from promptreg.cli.templates.words import short

        return "; ".join(
            f"DRIFTED: {label} was registered as {short(s)}" for label, s in row.drifted
        )
    if row.labels:
        extra = [x for x in row.registered.labels if x not in row.labels] if row.registered else []
        return f"registered as {', '.join(extra)}" if extra else ""
    return "only in the registry" if row.in_suite else "the suite has no such template"
