"""`promptreg bisect GOOD BAD`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

import typer

from promptreg.cli import groups as g
from promptreg.cli import options as o
from promptreg.cli.recording import Record
from promptreg.cli.spread import spread
from promptreg.errors import UsageError

if TYPE_CHECKING:
    from promptreg.pipeline.bisect import Bisection, Wish
    from promptreg.pipeline.project import Options, Project

__all__ = ["bisect"]

_ENDINGS = (".json", ".md")


@spread
def bisect(
    good: Annotated[str, typer.Argument(metavar="GOOD", help="The version before: v1, ...")],
    bad: Annotated[str, typer.Argument(metavar="BAD", help="The version that is worse: v2, ...")],
    metric: Annotated[
        str | None,
        typer.Option(
            "--metric",
            metavar="NAME",
            help="Whose regression to explain; default: of every gating metric that regressed.",
        ),
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            "--where", metavar="K=V", help="With --metric: on these scenarios of it; repeatable."
        ),
    ] = None,
    hunks: Annotated[
        bool, typer.Option("--hunks", help="Look into the edit, whatever commits there are.")
    ] = False,
    commits: Annotated[
        bool, typer.Option("--commits", help="Look for the commit; both sides are git:REV.")
    ] = False,
    split: Annotated[
        str | None,
        typer.Option(
            "--split",
            metavar="LEVEL",
            help="Cut the edit into: hunk, paragraph, line, sentence, word; default: the coarsest "
            "that gives more than one piece.",
        ),
    ] = None,
    max_tests: Annotated[
        int | None,
        typer.Option(
            "--max-tests",
            min=1,
            max=1000,
            help="Tests that may be made; more make each accusation stricter.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be asked; no model is called.")
    ] = False,
    *,
    config: o.Config = None,
    output: Annotated[
        list[str] | None,
        typer.Option(
            "-o", "--output", metavar="FILE", help="Write a report; repeatable: .json .md"
        ),
    ] = None,
    asking: g.Weighing,
    record: Record = None,
    showing: g.Showing,
    env_file: o.EnvFile = None,
) -> int:
    """Find the hunk of an edit, or the commit, that caused a regression.

    Compares both versions; if BAD regressed, texts between them are tested against GOOD until the
    culprit is known. A hunk is named if alone it regresses and BAD without it is shown no worse;
    else it says that several do it together, or that the evidence does not single one out. With
    git:REV on both sides and more than one commit between them the commit is searched. What was
    asked once is not asked again.

    0 a culprit is named; 3 none is, or nothing regressed; 2, 4, 5 as for 'gate'.
    """
    from promptreg.cli.recording import remember_bisection

    o.read_env_file(env_file)
    options = asking.options()
    wish = _wish(metric, where or [], hunks, commits, split, max_tests)
    if dry_run:
        return _dry_run(config, (good, bad), options, wish, as_json=showing.as_json)
    _check_endings(output or [])
    project, at_once = _opened(config, record)
    found = _run(project, (good, bad), options, wish, quiet=showing.silent)
    written = _write(found, output or [])
    _show(found, written, showing)
    remember_bisection(project, found, at_once=at_once, quiet=showing.quiet)
    return int(found.exit_code)


def _wish(
    metric: str | None,
    where: list[str],
    hunks: bool,
    commits: bool,
    split: str | None,
    most: int | None,
) -> Wish:
    from promptreg.pipeline.bisect import Wish

    if hunks and commits:
        raise UsageError("--hunks and --commits exclude each other")
    if commits and split:
        raise UsageError("--split cuts an edit; with --commits nothing is cut")
    part: dict[str, str] = {}
    for item in where:
        name, sign, value = item.partition("=")
        if not sign or not name or name in part:
            raise UsageError(f"--where {item!r}: must be ATTRIBUTE=VALUE, each attribute once")
        part[name] = value
    by = "hunks" if hunks or split else "commits" if commits else None
    return Wish(metric, part, by, split, most)


def _dry_run(
    config: str | None, ends: tuple[str, str], options: Options, wish: Wish, *, as_json: bool
) -> int:
    from promptreg.cli.show import print_json
    from promptreg.pipeline.bisect import plan_bisection
    from promptreg.pipeline.bisect.as_json import plan_json
    from promptreg.pipeline.bisect.as_text import plan_text
    from promptreg.pipeline.project import open_project

    plan = plan_bisection(open_project(config), *ends, options, wish)
    if as_json:
        print_json(plan_json(plan))
    else:
        _print(list(plan_text(plan)))
    return 0


def _opened(config: str | None, record: bool | None) -> tuple[Project, bool]:
    from promptreg.cli.recording import recording
    from promptreg.pipeline.project import open_project

    project = open_project(config)
    return project, recording(project, record)


def _run(
    project: Project, ends: tuple[str, str], options: Options, wish: Wish, *, quiet: bool
) -> Bisection:
    import sys

    from promptreg.cli.progress import progress
    from promptreg.cli.show import complain
    from promptreg.pipeline.bisect import bisect as run_bisection
    from promptreg.stages.report.text import one_line

    def tell(what: str) -> None:
        if not quiet:
            print(f"testing {one_line(what, 100)}", file=sys.stderr)

    with progress(project.plugins, quiet=quiet):
        found = run_bisection(project, *ends, options, wish, handle_signals=True, tell=tell)
    complain(project.plugins)
    return found


def _check_endings(output: list[str]) -> None:
    """Refuse a wrong ending before it costs a call."""
    for path in output:
        if not path.lower().endswith(_ENDINGS):
            raise UsageError(f"-o {path}: bisect writes {' and '.join(_ENDINGS)} files")


def _write(found: Bisection, output: list[str]) -> list[str]:
    import json
    from pathlib import Path

    from promptreg.pipeline.bisect.as_json import bisection_json
    from promptreg.pipeline.bisect.as_text import bisection_markdown
    from promptreg.stages.report import write_whole

    for path in output:
        if path.lower().endswith(".json"):
            text = json.dumps(bisection_json(found), indent=2, allow_nan=False) + "\n"
        else:
            text = bisection_markdown(found)
        write_whole(Path(path), text.encode("utf-8", "replace"))
    return output


def _show(found: Bisection, written: list[str], showing: g.Showing) -> None:
    from promptreg.cli.show import print_json
    from promptreg.pipeline.bisect.as_json import bisection_json
    from promptreg.pipeline.bisect.as_text import bisection_text
    from promptreg.pipeline.bisect.words import headline

    if showing.as_json:
        print_json(bisection_json(found))
    elif showing.quiet:
        print(headline(found))
    else:
        reports = [f"report: {path}" for path in written]
        _print([*bisection_text(found, verbose=showing.verbose), *reports])


def _print(lines: list[str]) -> None:
    from rich.text import Text

    from promptreg.cli.show import console

    out = console()
    for line in lines:
        style = "red" if line.startswith("  -") else "green" if line.startswith("  +") else ""
        start = _hanging(line, out.width // 2)
        head, body = Text(line[:start], style=style), Text(line[start:], style=style)
        room = max(20, out.width - (start or 2))
        for piece in body.wrap(out, room, overflow="fold", tab_size=4):
            piece.rstrip()
            out.print(head + piece, soft_wrap=True)
            head = Text(" " * (start or 2))


def _hanging(line: str, most: int) -> int:
    """Return where the line goes on if it is wrapped: under its last column."""
    found = [0, *(m.end() for m in re.finditer(r"^ +| {2,}", line))]
    return max(start for start in found if start <= most)
