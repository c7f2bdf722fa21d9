"""`promptreg templates register REF`."""

from __future__ import annotations

from typing import Annotated

import typer

from promptreg.cli import options as o

__all__ = ["register"]

Label = Annotated[
    str | None,
    typer.Option(
        "--label", metavar="NAME", help="What it is called in the registry; default: its own label."
    ),
]


def register(
    ref: Annotated[str, typer.Argument(metavar="REF", help="Such as v2, basic@v2, or a file.")],
    label: Label = None,
    config: o.Config = None,
    template: o.TemplateNames = None,
    as_json: o.AsJson = False,
    env_file: o.EnvFile = None,
) -> int:
    """Write a version's text into the registry; identical text makes no new version.

    A label names one text for ever. The registry is a file beside the suite, to be committed.
    """
    from promptreg.cli.show import print_json
    from promptreg.cli.templates.words import short, written_words
    from promptreg.numbers import count
    from promptreg.pipeline.project import open_project
    from promptreg.pipeline.templates.register import register as register_versions

    o.read_env_file(env_file)
    project = open_project(config)
    outcomes = register_versions(project, ref, o.make_options(template=template), label=label)
    if as_json:
        print_json(
            [
                {
                    "template": x.template.name,
                    "label": x.template.label,
                    "sha256": x.template.sha256,
                    "result": x.done,
                }
                for x in outcomes
            ]
        )
        return 0
    for x in outcomes:
        name = f"{x.template.name}@{x.template.label} ({short(x.template.sha256)})"
        if x.first is None:
            words = count(len(x.template.variables), "variable")
            print(f"{name}: registered, engine {x.template.engine}, {words}")
            continue
        known = f"identical text was registered as {x.first.label} on {x.first.at[:10]}"
        rest = "got another label" if x.done == "labelled" else "nothing to do"
        print(f"{name}: no new version: {known} by {x.first.by}; {rest}")
    if any(x.done != "known" for x in outcomes):
        print("\n".join(written_words(project)))
    return 0
