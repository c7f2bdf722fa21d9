"""`promptreg scenarios search` and `ablate`."""

from __future__ import annotations

from typing import Annotated

import typer

from promptreg.cli import options as o
from promptreg.errors import UsageError

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Look into the suite's scenarios.")


@app.command()
def search(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What to look for, in words.")],
    config: o.Config = None,
    limit: Annotated[int, typer.Option("-n", "--limit", min=1, help="How many to show.")] = 10,
    filter_: o.Filter = None,
    as_json: o.AsJson = False,
) -> int:
    """Find the scenarios whose meaning is nearest to a text, by the suite's embedder.

    The number is the cosine of both vectors, at most 1. Vectors are kept under the run store, so
    that only the first search has to compute them.
    """
    from promptreg.cli.show import print_json, print_table
    from promptreg.pipeline.embed import search as find
    from promptreg.pipeline.project import open_project
    from promptreg.stages.report.text import clean

    if not text.strip():
        raise UsageError("search needs some words to look for")
    found = find(open_project(config), text, o.make_options(filters=filter_), limit)
    if as_json:
        print_json(
            {
                "query": text,
                "scenarios": [
                    {
                        "scenario_id": f.scenario.id,
                        "cosine": round(f.cosine, 6),
                        "attributes": dict(f.scenario.attributes),
                        "text": f.text,
                    }
                    for f in found
                ],
            }
        )
        return 0
    rows = [
        [f"{f.cosine:.3f}", clean(f.scenario.id), _short(clean(" ".join(f.text.split())))]
        for f in found
    ]
    print_table(["cosine", "scenario", "text"], rows, {0})
    return 0


@app.command()
def ablate(
    output: Annotated[
        str, typer.Option("-o", "--output", metavar="FILE", help="The new file, .jsonl.")
    ],
    drop: Annotated[
        list[str],
        typer.Option("--drop", metavar="COLUMN", help="A column to take away; repeatable."),
    ],
    instead: Annotated[
        str, typer.Option("--with", metavar="TEXT", help="What stands there instead.")
    ] = "Not available.",
    config: o.Config = None,
    as_json: o.AsJson = False,
) -> int:
    """Write the suite's scenarios without some columns, to see whether answers need them.

    Ids and ground truth stay, so a run on them can be compared with a run on the whole ones:
    `compare run:WHOLE run:WITHOUT --allow-mismatch scenarios`.
    """
    from promptreg.cli.show import print_json
    from promptreg.pipeline.ablate import ablate as write
    from promptreg.pipeline.project import open_project
    from promptreg.stages.report.text import clean

    found = write(open_project(config), drop, instead, output)
    if as_json:
        print_json(
            {"output": output, "scenarios": found.scenarios, "replaced": dict(found.replaced)}
        )
        return 0
    replaced = ", ".join(f"{clean(name)} in {n}" for name, n in found.replaced.items())
    print(f"{output}: {found.scenarios} scenarios; replaced {replaced}")
    return 0


def _short(text: str, width: int = 90) -> str:
    return text if len(text) <= width else f"{text[: width - 3]}..."
