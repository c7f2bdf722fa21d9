"""`promptreg gate A B`, and `promptreg gate --base-ref REF`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from promptreg.cli import groups as g
from promptreg.cli import options as o
from promptreg.cli.compare import comparison_command
from promptreg.cli.recording import Record
from promptreg.cli.spread import spread
from promptreg.errors import UsageError

if TYPE_CHECKING:
    from promptreg.pipeline.project import Project
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


@spread
def gate(
    versions: Versions = None,
    base_ref: BaseRef = None,
    allow_policy_change: AllowPolicyChange = False,
    *,
    config: o.Config = None,
    output: o.Output = None,
    asking: g.Looking,
    record: Record = None,
    showing: g.Showing,
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
    options = asking.options(deciding=True)
    names = versions or []

    def compared(project: Project) -> Comparison:
        from promptreg.pipeline.base_ref import gate_base_ref
        from promptreg.pipeline.compare import compare

        if base_ref is None:
            return compare(project, names[0], names[1], options, handle_signals=True)
        return gate_base_ref(
            project,
            base_ref,
            names,
            options,
            allow_policy_change=allow_policy_change,
            handle_signals=True,
        )

    command = "gate" if base_ref is None else f"gate --base-ref {base_ref}"
    comparison = comparison_command(config, compared, output or [], showing, record, command)
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
