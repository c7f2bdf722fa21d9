"""`promptreg scenarios map`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from promptreg.cli import options as o
from promptreg.errors import UsageError

__all__ = ["map_"]


def map_(
    output: Annotated[
        str, typer.Option("-o", "--output", metavar="FILE", help="The picture; ends in .svg.")
    ],
    config: o.Config = None,
    by: Annotated[
        str | None,
        typer.Option(
            "--by", metavar="ATTRIBUTE", help="What tells marks apart; default: scenario_type."
        ),
    ] = None,
    filter_: o.Filter = None,
    limit: o.Limit = None,
    as_json: o.AsJson = False,
    env_file: o.EnvFile = None,
) -> int:
    """Draw the scenarios like beside like, by the suite's embedder, told apart by an attribute.

    One SVG file that loads nothing. Vectors frozen with generated scenarios are used; others are
    computed once and kept. Two directions of several hundred show neighbourhoods, not distances.
    """
    from promptreg.cli.show import print_json
    from promptreg.numbers import count
    from promptreg.pipeline.embed import lay_out
    from promptreg.pipeline.embed.drawn import attribute_of, drawn
    from promptreg.pipeline.project import open_project
    from promptreg.stages.report import write_whole
    from promptreg.stages.report.plots.alone import alone

    path = Path(output)
    if path.suffix.lower() != ".svg":
        raise UsageError(f"-o {output}: a map is written as .svg, found {path.suffix or 'no end'}")
    o.read_env_file(env_file)
    project = open_project(config)
    options = o.make_options(filter_=filter_, limit=limit)
    attribute = attribute_of(project.scenarios(options), by)
    laid = lay_out(project, options)
    write_whole(path, (alone(drawn(laid, attribute), 840) + "\n").encode())
    if as_json:
        print_json(
            {
                "output": str(path),
                "by": attribute,
                "variance_shown": round(laid.shown, 6),
                "scenarios": [
                    {
                        "scenario_id": s.id,
                        "x": round(x, 6),
                        "y": round(y, 6),
                        "value": s.attributes.get(attribute),
                    }
                    for s, (x, y) in zip(laid.scenarios, laid.places, strict=True)
                ],
            }
        )
        return 0
    print(f"wrote {path}: {count(len(laid.scenarios), 'scenario')} by {attribute or 'nothing'}")
    return 0
