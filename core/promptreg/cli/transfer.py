"""`promptreg export` and `promptreg import`: results out, and other tools' results in."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated

import typer

from promptreg.cli import options as o
from promptreg.errors import UsageError

__all__ = ["export", "import_"]


class Form(enum.Enum):
    """What a row of a log holds."""

    shadow = "shadow"
    ab = "ab"


def export(
    runs: Annotated[list[str], typer.Argument(metavar="RUN", help="Run ids, with or without run:")],
    output: Annotated[
        str, typer.Option("-o", "--output", metavar="FILE", help=".jsonl, .csv or .parquet")
    ],
    config: o.Config = None,
    env_file: o.EnvFile = None,
) -> int:
    """Write runs as recorded completions, which the provider 'recorded' reads back."""
    from promptreg.pipeline.project import open_project
    from promptreg.pipeline.transfer import export_runs

    o.read_env_file(env_file)
    project = open_project(config)
    rows = export_runs(project, [r.removeprefix("run:") for r in runs], output)
    print(f"wrote {rows:,} trials to {output}")
    return 0


def import_(
    source: Annotated[
        str,
        typer.Argument(metavar="FILE", help="promptfoo JSON, or a .jsonl, .csv or .parquet table."),
    ],
    output: Annotated[
        str, typer.Option("-o", "--output", metavar="FILE", help="Recorded completions, .jsonl")
    ],
    form: Annotated[
        Form | None,
        typer.Option(
            "--format",
            help="shadow: a row holds both versions' answers to an event. ab: that of the one "
            "version which was drawn. Default: one answer a row, or promptfoo's where it is JSON.",
        ),
    ] = None,
    map_: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="OURS=THEIRS",
            help="Which column of a table is which: scenario_id, version, text, ...; of a shadow "
            "log primary.text, shadow.text, ... THEIRS may be a path: result.text. Repeatable.",
        ),
    ] = None,
    primary: Annotated[
        str | None, typer.Option("--primary", metavar="LABEL", help="Shadow: the primary's version")
    ] = None,
    shadow: Annotated[
        str | None, typer.Option("--shadow", metavar="LABEL", help="Shadow: the shadow's version")
    ] = None,
    scenarios: Annotated[
        str | None,
        typer.Option("--scenarios", metavar="FILE", help="Logs: write events as scenarios, .jsonl"),
    ] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option(
            "--keep", metavar="COLUMN", help="A column that scenarios get, or OURS=THEIRS."
        ),
    ] = None,
    cause: Annotated[
        list[str] | None,
        typer.Option(
            "--cause",
            metavar="WORD=CAUSE",
            help="Logs: what an error with the first word WORD is, such as ConnectError=connect.",
        ),
    ] = None,
    config: o.Config = None,
    env_file: o.EnvFile = None,
    scenario_variable: Annotated[
        str,
        typer.Option("--scenario", metavar="NAME", help="promptfoo: the variable with the id."),
    ] = "id",
) -> int:
    """Turn production logs or another tool's results into recorded completions."""
    from promptreg.stages.report.text import clean

    o.read_env_file(env_file)
    if form is not None:
        labels = {k: v for k, v in (("primary", primary), ("shadow", shadow)) if v}
        told = _logged(source, output, form, map_, keep, labels, cause, scenarios, config)
        for line in told:
            print(clean(line))
        return 0
    logs = (primary, shadow, scenarios, keep, cause)
    if any(logs):
        raise UsageError(
            "--primary, --shadow, --scenarios, --keep and --cause are for logs; say which: "
            "--format shadow or --format ab"
        )
    from promptreg.pipeline.transfer import import_results

    rows, skipped = import_results(source, output, map_ or [], scenario_variable)
    print(f"wrote {rows:,} completions to {output}")
    for reason in skipped:
        print(f"skipped: {reason}")
    return 0


def _logged(
    source: str,
    output: str,
    form: Form,
    mapping: list[str] | None,
    keep: list[str] | None,
    labels: dict[str, str],
    causes: list[str] | None,
    scenarios: str | None,
    config: str | None,
) -> list[str]:
    from promptreg.pipeline.logs import Wish, import_log
    from promptreg.suite import AnswerEntry, load_suite

    return import_log(
        source,
        output,
        Wish(
            form="shadow" if form is Form.shadow else "ab",
            mapping=mapping or (),
            keep=keep or (),
            labels=labels,
            causes=causes or (),
            scenarios=scenarios,
            answer=load_suite(Path(config)).answer if config else AnswerEntry(),
        ),
    )
