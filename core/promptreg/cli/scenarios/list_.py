"""`promptreg scenarios list`."""

from __future__ import annotations

from typing import Annotated

import typer

from promptreg.cli import options as o
from promptreg.errors import UsageError, did_you_mean

__all__ = ["list_"]

_COLUMNS = 5


def list_(
    config: o.Config = None,
    limit: Annotated[
        int | None, typer.Option("-n", "--limit", min=1, help="The first so many; default: all.")
    ] = None,
    filter_: o.Filter = None,
    template: o.TemplateNames = None,
    as_json: o.AsJson = False,
    env_file: o.EnvFile = None,
) -> int:
    """List scenarios in file order with their attributes; --json gives all of those.

    --filter narrows the list as it narrows a run; --template leaves what the template serves.
    """
    from promptreg.cli.show import print_json, print_table
    from promptreg.numbers import count
    from promptreg.pipeline.project import open_project
    from promptreg.pipeline.versions import serves
    from promptreg.stages.report.text import one_line

    o.read_env_file(env_file)
    project = open_project(config)
    found = project.scenarios(o.make_options(filter_=filter_))
    kept = found.scenarios
    if template:
        for name in template:
            if name not in project.suite.templates:
                known = list(project.suite.templates)
                raise UsageError(
                    f"--template {name!r:.80}: no such template{did_you_mean(name, known)}; "
                    f"there are: {', '.join(known)}"
                )
        served = {s.id for name in template for s in serves(project, name, found)}
        kept = tuple(s for s in kept if s.id in served)
    rows = kept[:limit]
    if as_json:
        print_json(
            {
                "source": found.source,
                "sha256": found.sha256,
                "total": found.total,
                "kept": len(kept),
                "scenarios": [
                    {"scenario_id": s.id, "family": s.family, "attributes": dict(s.attributes)}
                    for s in rows
                ],
            }
        )
        return 0
    names = list(dict.fromkeys(name for s in kept for name in s.attributes))
    shown = names[:_COLUMNS]
    print_table(
        ["scenario", "family", *shown],
        [
            [
                one_line(s.id, 60),
                one_line(s.family, 40),
                *(one_line(s.attributes.get(name, "-"), 30) for name in shown),
            ]
            for s in rows
        ],
        set(),
    )
    of = f" of {found.total:,}" if len(kept) < found.total else ""
    print(f"{count(len(kept), 'scenario')}{of}")
    if len(rows) < len(kept):
        print(f"the first {len(rows):,} are shown")
    if len(names) > len(shown):
        print(f"more attributes: {', '.join(one_line(n, 40) for n in names[_COLUMNS:])}")
    return 0
