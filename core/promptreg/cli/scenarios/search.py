"""`promptreg scenarios search`."""

from __future__ import annotations

from typing import Annotated

import typer

from promptreg.cli import options as o
from promptreg.errors import UsageError

__all__ = ["search"]


def search(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What to look for, in words.")],
    config: o.Config = None,
    limit: Annotated[int, typer.Option("-n", "--limit", min=1, help="How many to show.")] = 10,
    filter_: o.Filter = None,
    as_json: o.AsJson = False,
    env_file: o.EnvFile = None,
) -> int:
    """Find the scenarios whose meaning is nearest to a text, by the suite's embedder.

    The number is the cosine of both vectors, at most 1. Vectors are kept under the run store, or
    with generated scenarios, so that only the first search has to compute them.
    """
    from promptreg.cli.show import print_json, print_table
    from promptreg.pipeline.embed import search as find
    from promptreg.pipeline.project import open_project
    from promptreg.stages.report.text import clean

    o.read_env_file(env_file)
    if not text.strip():
        raise UsageError("search needs some words to look for")
    o.read_env_file(env_file)
    found = find(open_project(config), text, o.make_options(filter_=filter_), limit)
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


def _short(text: str, width: int = 90) -> str:
    return text if len(text) <= width else f"{text[: width - 3]}..."
