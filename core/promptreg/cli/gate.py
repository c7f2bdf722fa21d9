"""`promptreg gate A B`, and `promptreg gate --base-ref REF`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from promptreg.cli import options as o
from promptreg.cli.compare import comparison_command
from promptreg.cli.recording import Record
from promptreg.errors import UsageError

if TYPE_CHECKING:
    from promptreg.pipeline.project import Options
    from promptreg.verdicts import Comparison

__all__ = ["gate"]

Versions = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="BASELINE CANDIDATE",
        help="The trusted version and the version under test: v1 v2. With --base-ref instead any "
        "number of labels, to look at those alone.",
    ),
]
BaseRef = Annotated[
    str | None,
    typer.Option(
        "--base-ref",
        metavar="REF",
        help="Compare every template version this branch touches with itself at the merge base "
        "of REF and HEAD, such as origin/main.",
    ),
]
AllowPolicyChange = Annotated[
    bool,
    typer.Option(
        "--allow-policy-change",
        help="With --base-ref: take policy and scenarios from the work tree, not from the base.",
    ),
]


def gate(
    versions: Versions = None,
    base_ref: BaseRef = None,
    allow_policy_change: AllowPolicyChange = False,
    config: o.Config = None,
    output: o.Output = None,
    concurrency: o.Concurrency = None,
    repeats: o.Repeats = None,
    limit: o.Limit = None,
    filter_: o.Filter = None,
    template: o.TemplateNames = None,
    seed: o.Seed = None,
    no_cache: o.NoCache = False,
    alpha: o.Alpha = None,
    margin: o.Margin = None,
    budget: o.Budget = None,
    allow_unmatched: o.AllowUnmatched = False,
    allow_mismatch: o.AllowMismatch = None,
    sequential: o.Sequential = None,
    looks: o.Looks = None,
    record: Record = None,
    as_json: o.AsJson = False,
    quiet: o.Quiet = False,
    verbose: o.Verbose = False,
    env_file: o.EnvFile = None,
) -> int:
    """Decide: compare both versions and exit with the verdict.

    0 pass, 1 regression, 3 inconclusive, 4 not comparable, 5 not finished. Reports are written
    before the exit code is decided. With --filter or --limit a part of the scenarios can fail the
    gate and never pass it; --template leaves no scenario out.

    With --base-ref the baseline of every touched template version is read from git, where this
    branch left REF, never from the work tree; the work tree, uncommitted edits included, is the
    candidate. Policy (gate, scorers, answer, repeats, seed, select, ...) and scenarios are read
    there too, so that a change cannot move its own goal; edits to them are reported. All touched
    versions are one comparison, with one verdict and one report; where several labels of a
    template are touched they are shown as template@label. Nothing touched, or no prompt changed:
    pass, without a call. A new version is held to the absolute limits alone.
    """
    _check(versions or [], base_ref, allow_policy_change)
    o.read_env_file(env_file)
    options = o.make_options(
        template=template,
        filters=filter_,
        limit=limit,
        repeats=repeats,
        seed=seed,
        concurrency=concurrency,
        no_cache=no_cache,
        budget=budget,
        alpha=alpha,
        margins=margin,
        allow_unmatched=allow_unmatched,
        allow_mismatch=allow_mismatch,
        sequential=sequential,
        looks=looks,
        deciding=True,
    )
    names = versions or []
    if base_ref is None:
        comparison = comparison_command(
            config,
            names[0],
            names[1],
            options,
            output or [],
            as_json,
            quiet,
            verbose,
            record,
            "gate",
        )
    else:
        comparison = _base_ref_command(
            config,
            (base_ref, names),
            options,
            output or [],
            allow_policy_change=allow_policy_change,
            as_json=as_json,
            quiet=quiet,
            verbose=verbose,
            record=record,
        )
    return int(comparison.gate.exit_code)


def _check(versions: list[str], base_ref: str | None, allow_policy_change: bool) -> None:
    if base_ref is None and len(versions) != 2:
        found = f"found {len(versions)}: {' '.join(versions)}" if versions else "found none"
        raise UsageError(
            f"gate takes a BASELINE and a CANDIDATE ({found}), or --base-ref REF; for example "
            "'promptreg gate v1 v2' or 'promptreg gate --base-ref origin/main'"
        )
    if base_ref is None and allow_policy_change:
        raise UsageError(
            "--allow-policy-change goes with --base-ref; two versions of one suite share its policy"
        )


def _base_ref_command(
    config: str | None,
    asked: tuple[str, list[str]],
    options: Options,
    output: list[str],
    *,
    allow_policy_change: bool,
    as_json: bool,
    quiet: bool,
    verbose: bool,
    record: bool | None = None,
) -> Comparison:
    """Compare with the base, write the reports, show the result."""
    from promptreg.cli.progress import progress
    from promptreg.cli.recording import recording, remember
    from promptreg.cli.show import complain, show_comparison
    from promptreg.cli.telling import opened
    from promptreg.pipeline.base_ref import gate_base_ref
    from promptreg.stages.report import plan_reports, write_reports

    with opened(config) as project:
        at_once = recording(project, record)
        planned = plan_reports(project.plugins.reporters, output)  # a wrong ending costs no call
        with progress(project.plugins, quiet=quiet or as_json):
            comparison = gate_base_ref(
                project,
                *asked,
                options,
                allow_policy_change=allow_policy_change,
                handle_signals=True,
            )
        written = write_reports(comparison, planned)
        show_comparison(comparison, written, as_json=as_json, quiet=quiet, verbose=verbose)
    complain(project.plugins)
    remember(
        project,
        comparison,
        at_once=at_once,
        quiet=quiet,
        command=f"gate --base-ref {asked[0]}",
        written=written,
    )
    return comparison
