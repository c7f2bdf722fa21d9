"""Options that several commands share, and how their text is read."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated

import typer

from promptreg.errors import UsageError

if TYPE_CHECKING:
    from promptreg.pipeline.project import Options

__all__ = [
    "AllowMismatch",
    "AllowUnmatched",
    "Alpha",
    "AsJson",
    "Budget",
    "Concurrency",
    "Config",
    "EnvFile",
    "Filter",
    "Limit",
    "Looks",
    "Margin",
    "NoCache",
    "Output",
    "Quiet",
    "Repeats",
    "Seed",
    "Sequential",
    "TemplateNames",
    "Verbose",
    "make_options",
]

Config = Annotated[
    str | None,
    typer.Option(
        "-c",
        "--config",
        metavar="FILE",
        help="Suite file or its folder; default: promptreg.yaml or [tool.promptreg], upward.",
    ),
]
Output = Annotated[
    list[str] | None,
    typer.Option(
        "-o",
        "--output",
        metavar="FILE",
        help="Write a report; repeatable. Format by extension: .json .html .md .junit.xml "
        ".parquet .csv",
    ),
]
Concurrency = Annotated[
    int | None, typer.Option("-j", "--concurrency", min=1, help="Calls in flight at most.")
]
Repeats = Annotated[
    int | None, typer.Option("--repeats", min=1, help="How often each prompt is asked.")
]
Limit = Annotated[
    int | None,
    typer.Option("-n", "--limit", min=1, help="Only that many scenarios, a seeded sample."),
]
Filter = Annotated[
    list[str] | None,
    typer.Option(
        "--filter", metavar="K=V", help="Only scenarios with this attribute value; repeatable."
    ),
]
TemplateNames = Annotated[
    list[str] | None,
    typer.Option("--template", metavar="NAME", help="Only this template; repeatable."),
]
Seed = Annotated[int | None, typer.Option("--seed", min=0, help="Seed of the order of calls.")]
NoCache = Annotated[
    bool, typer.Option("--no-cache", help="Ask everything anew; stored completions are not read.")
]
Alpha = Annotated[
    float | None,
    typer.Option("--alpha", min=0.001, max=0.499, help="Error level; the suite's by default."),
]
Margin = Annotated[
    list[str] | None,
    typer.Option(
        "--margin",
        metavar="[METRIC=]X",
        help="Largest worsening accepted, in the metric's unit; without a name: of 'overall'.",
    ),
]
Budget = Annotated[
    str | None,
    typer.Option(
        "--budget",
        metavar="AMOUNT",
        help="Stop before spending more: 500 (calls), 200000tokens, 5usd.",
    ),
]
Sequential = Annotated[
    bool | None,
    typer.Option(
        "--sequential/--no-sequential",
        help="Ask in steps, look after each, and stop as soon as the data decide; the errors of "
        "all looks together stay at alpha. The suite's word by default.",
    ),
]
Looks = Annotated[
    int | None,
    typer.Option(
        "--looks",
        min=1,
        max=100,
        help="Looks at the most (4; 20 with --anytime or --strict); implies --sequential. Above 10 "
        "only with one of these.",
    ),
]
AnyTime = Annotated[
    bool,
    typer.Option(
        "--anytime",
        help="Like --sequential, by e-processes: more looks cost nothing, each accusation needs "
        "more data.",
    ),
]
Strict = Annotated[
    bool,
    typer.Option(
        "--strict",
        help="Like --anytime; bounded scores are judged without assuming anything of their "
        "distribution, which takes still more data, and pass at any look.",
    ),
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Machine-readable result on stdout, nothing else there.")
]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Verdict and errors only.")]
Verbose = Annotated[bool, typer.Option("-v", "--verbose", help="Say more.")]
EnvFile = Annotated[
    str | None,
    typer.Option("--env-file", metavar="FILE", help="Read NAME=VALUE lines into the environment."),
]
AllowUnmatched = Annotated[
    bool,
    typer.Option("--allow-unmatched", help="Compare the scenarios both sides hold; say which not."),
]
AllowMismatch = Annotated[
    list[str] | None,
    typer.Option(
        "--allow-mismatch",
        metavar="FINGERPRINT",
        help="Compare although this fingerprint differs; recorded in the report. Repeatable.",
    ),
]


def make_options(
    *,
    template: list[str] | None = None,
    filter_: list[str] | None = None,
    limit: int | None = None,
    repeats: int | None = None,
    seed: int | None = None,
    concurrency: int | None = None,
    no_cache: bool = False,
    budget: str | None = None,
    alpha: float | None = None,
    margin: list[str] | None = None,
    allow_unmatched: bool = False,
    allow_mismatch: list[str] | None = None,
    sequential: bool | None = None,
    looks: int | None = None,
    anytime: bool = False,
    strict: bool = False,
    deciding: bool = False,
) -> Options:
    """Return the options as the pipeline takes them.

    Raises:
        UsageError: a `--filter` or `--margin` is malformed, or options contradict each other.
    """
    from promptreg.pipeline.project import Options

    return Options(
        templates=tuple(template or ()),
        filters=_filters(filter_ or []),
        limit=limit,
        repeats=repeats,
        seed=seed,
        concurrency=concurrency,
        cache=not no_cache,
        budget=budget,
        alpha=alpha,
        margins=_margins(margin or []),
        looks=_looks(sequential, looks, anytime=anytime, strict=strict),
        anytime=anytime or strict,
        strict=strict,
        allow_unmatched=allow_unmatched,
        allow_mismatch=tuple(allow_mismatch or ()),
        deciding=deciding,
    )


def _looks(
    sequential: bool | None, looks: int | None, *, anytime: bool, strict: bool
) -> int | None:
    if sequential is False:
        for name, said in (("--anytime", anytime), ("--strict", strict)):
            if said:
                raise UsageError(f"--no-sequential and {name} contradict each other")
        if looks is not None:
            raise UsageError(f"--no-sequential and --looks {looks} contradict each other")
        return 1
    return 0 if sequential and looks is None else looks


def read_env_file(path: str | None) -> None:
    """Set environment variables from a file of NAME=VALUE lines; those already set win.

    Raises:
        UsageError: the file cannot be read, or a line is malformed.
    """
    if path is None:
        return
    import os
    from pathlib import Path

    try:
        text = Path(path).read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as e:
        raise UsageError(f"--env-file {path}: cannot be read: {e}") from e
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip().removeprefix("export ").strip()
        if not line or line.startswith("#"):
            continue
        name, sign, value = line.partition("=")
        if not sign or not name.strip().isidentifier():
            # The line may hold a secret: name its number, never its text.
            raise UsageError(f"--env-file {path}: line {number} is not NAME=VALUE")
        value = value.strip()
        if len(value) >= 2 and value[0] == value[-1] and value[0] in "'\"":
            value = value[1:-1]
        os.environ.setdefault(name.strip(), value)


def _filters(items: list[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for item in items:
        name, sign, value = item.partition("=")
        if not sign or not name:
            raise UsageError(f"--filter {item!r}: must be ATTRIBUTE=VALUE")
        found.setdefault(name, []).append(value)
    return found


def _margins(items: list[str]) -> dict[str, float]:
    found: dict[str, float] = {}
    for item in items:
        name, sign, text = item.rpartition("=")
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not (math.isfinite(value) and value > 0):
            raise UsageError(f"--margin {item!r}: must be a number above 0, or METRIC=NUMBER")
        found[name if sign else "overall"] = value
    return found
