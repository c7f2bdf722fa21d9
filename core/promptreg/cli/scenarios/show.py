"""`promptreg scenarios show`."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from promptreg.cli import options as o
from promptreg.errors import UsageError, did_you_mean

__all__ = ["show"]


def show(
    scenario_id: Annotated[str, typer.Argument(metavar="ID", help="Of the scenario.")],
    config: o.Config = None,
    as_json: o.AsJson = False,
    env_file: o.EnvFile = None,
) -> int:
    """Show everything that is known of one scenario: variables, ground truth, attributes."""
    from promptreg.cli.show import print_json
    from promptreg.pipeline.project import open_project
    from promptreg.pipeline.versions import serves
    from promptreg.stages.report.text import clean, one_line

    o.read_env_file(env_file)
    project = open_project(config)
    every = project.every_scenario()
    found = next((s for s in every.scenarios if s.id == scenario_id), None)
    if found is None:
        hint = did_you_mean(scenario_id, [s.id for s in every.scenarios])
        raise UsageError(
            f"{every.source}: no scenario is called {scenario_id!r:.120}{hint}; "
            "'promptreg scenarios list' lists them"
        )
    served = [
        name
        for name in project.suite.templates
        if any(s.id == found.id for s in serves(project, name, every))
    ]
    facts: dict[str, Any] = {
        "scenario_id": found.id,
        "family": found.family,
        "templates": served,
        "attributes": dict(found.attributes),
        "ground_truth": dict(found.ground_truth),
        "variables": {name: found.variables[name] for name in found.variables},
        "images": list(found.images),
    }
    if as_json:
        print_json(json.loads(json.dumps(facts, default=str)))
        return 0
    print(f"{one_line(found.id, 200)}, family {one_line(found.family, 200)}")
    print(f"served by: {', '.join(served) or 'no template'}")
    for title in ("attributes", "ground_truth", "variables"):
        if facts[title]:
            print(f"\n{title.replace('_', ' ')}")
        for name, value in facts[title].items():
            if title == "variables" and name in ("ground_truth", *found.attributes):
                continue  # shown above
            text = value if isinstance(value, str) else json.dumps(value, default=str)
            print(f"  {one_line(name, 60)}: " + clean(text).replace("\n", "\n    "))
    for path in found.images:
        print(f"\nimage {one_line(str(path), 300)}")
    return 0
