"""`promptreg templates promote REF`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from promptreg.cli import groups as g
from promptreg.cli import options as o
from promptreg.cli.recording import Record
from promptreg.cli.spread import spread
from promptreg.cli.templates.register import Label

if TYPE_CHECKING:
    from pathlib import Path

    from promptreg.pipeline.project import Project
    from promptreg.pipeline.templates.promote import Promotion

__all__ = ["promote"]


@spread
def promote(
    ref: Annotated[str, typer.Argument(metavar="REF", help="Such as basic@v2, or v2.")],
    alias: Annotated[
        str, typer.Option("--alias", metavar="NAME", help="Which alias moves.")
    ] = "production",
    override: Annotated[
        str | None,
        typer.Option(
            "--override", metavar="REASON", help="Move it even if the gate does not pass; recorded."
        ),
    ] = None,
    initial: Annotated[
        bool,
        typer.Option(
            "--initial", help="Take a first version as it is, where no gate.limits are declared."
        ),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Decide, and move nothing.")] = False,
    label: Label = None,
    *,
    config: o.Config = None,
    output: o.Output = None,
    asking: g.Comparing,
    record: Record = None,
    showing: g.Showing,
    env_file: o.EnvFile = None,
) -> int:
    """Gate a version against where the alias points, and move the alias only on a pass.

    0 moved (or it points there already), 1 regression, 3 inconclusive, 4 not comparable, 5 not
    finished: in all but the first the alias stays. Several templates are one gate: all move, or
    none. A first version has no baseline: it must be shown to meet every limit of gate.limits;
    where none is declared, --initial takes it as it is. Options that may change the verdict are
    recorded with the decision, and so is an override. A part of the scenarios (--limit, --filter)
    and a scripted provider never promote, whatever is overridden.
    """
    from promptreg.cli.progress import progress
    from promptreg.cli.recording import record_now, recording, remember
    from promptreg.cli.show import complain
    from promptreg.cli.telling import opened
    from promptreg.pipeline.templates.promote import Terms
    from promptreg.pipeline.templates.promote import promote as promote_version
    from promptreg.stages.report import plan_reports, write_reports

    o.read_env_file(env_file)
    options = asking.options(deciding=True)
    with opened(config, purpose="promotion") as project:
        at_once = recording(project, record)
        planned = plan_reports(project.plugins.reporters, output or [])
        terms = Terms(alias, label, override, initial, dry_run)
        with progress(project.plugins, quiet=showing.silent):
            promotion = promote_version(project, ref, options, terms, handle_signals=True)
        compared = promotion.comparison
        written = [] if compared is None else write_reports(compared, planned)
        if output and compared is None:
            print("promptreg: no report was written: nothing was compared", file=sys.stderr)
        _show(project, promotion, written, showing)
    complain(project.plugins)
    if compared is not None:
        command = f"templates promote --alias {alias}"
        remember(
            project, compared, at_once=False, quiet=showing.quiet, command=command, written=written
        )
    if at_once and (compared is not None or promotion.moved):
        record_now(project, quiet=showing.quiet)
    return int(promotion.exit_code)


def _show(
    project: Project,
    promotion: Promotion,
    written: list[Path],
    showing: g.Showing,
) -> None:
    from promptreg.cli.show import console, print_json, show_comparison

    if showing.as_json:
        print_json(_as_json(promotion))
        return
    if promotion.comparison is not None:
        show_comparison(
            promotion.comparison,
            written,
            as_json=False,
            quiet=showing.quiet,
            verbose=showing.verbose,
        )
        if not showing.quiet:
            print()
    from rich.text import Text

    for words, style in _lines(project, promotion):
        console().print(Text(words, style=style), soft_wrap=True)


def _lines(project: Project, promotion: Promotion) -> list[tuple[str, str]]:
    """Return what became of the alias, for people, with styles."""
    from promptreg.cli.templates.words import short, written_words
    from promptreg.stages.report.text import one_line

    p, alias = promotion, promotion.terms.alias
    lines: list[tuple[str, str]] = []
    if p.overridden:
        if p.comparison is not None and not p.passed:
            gate = p.comparison.gate
            what = f"the gate says {gate.verdict.upper()} ({'; '.join(gate.reasons[:3])})"
        elif p.refused:
            what = f"NOT COMPARABLE ({p.refused.removeprefix('not comparable: ')})"
        else:
            what = "nothing could decide: no baseline, no gate.limits"
        style = "bold white on red"
        lines.append((f"OVERRIDDEN: {one_line(what, 500)}", style))
        lines.append((f"OVERRIDDEN: the reason given: {one_line(p.terms.override or '')}", style))
    elif p.terms.override is not None and p.passed:
        lines.append(("the gate passes; --override was not needed and is not recorded", "yellow"))
    would = "would move" if p.terms.dry_run else "moved"
    for move in p.moves:
        where = f"{move.template}@{alias}"
        target = f"{move.candidate.label} ({short(move.candidate.sha256)})"
        was = f"{move.was.label} ({short(move.was.to_sha256)})" if move.was else "nowhere"
        if move.there:
            lines.append((f"{where} points to this text already: {was}; nothing to move", ""))
        elif p.moved:
            lines.append((f"{where} {would} from {was} to {target}", "bold"))
        else:
            stays = f"stays at {was}" if move.was else "still points nowhere"
            lines.append((f"{where} {stays}; {target} was not promoted", "bold"))
    if p.moved and not p.terms.dry_run:
        lines += [(words, "") for words in written_words(project)]
    elif p.terms.dry_run:
        lines.append(("dry run: nothing was written to the registry", ""))
    return lines


def _as_json(promotion: Promotion) -> dict[str, Any]:
    from promptreg.stages.report import comparison_json

    p = promotion
    report = {} if p.comparison is None else comparison_json(p.comparison)
    return report | {
        "promotion": {
            "alias": p.terms.alias,
            "moved": p.moved and not p.terms.dry_run,
            "dry_run": p.terms.dry_run,
            "overridden": p.overridden,
            "override": p.terms.override if p.overridden else None,
            "not_comparable": p.refused or None,
            "exit_code": int(p.exit_code),
            "templates": [
                {
                    "template": m.template,
                    "from": None
                    if m.was is None
                    else {"sha256": m.was.to_sha256, "label": m.was.label},
                    "to": {"sha256": m.candidate.sha256, "label": m.candidate.label},
                    "already_there": m.there,
                }
                for m in p.moves
            ],
        }
    }
