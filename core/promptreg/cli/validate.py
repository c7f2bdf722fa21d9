"""`promptreg validate`: everything that can be checked without a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from promptreg.cli import options as o
from promptreg.errors import ExitCode

if TYPE_CHECKING:
    from pathlib import Path

    from promptreg.stages.lint import Finding

__all__ = ["validate"]


def validate(
    config: o.Config = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Let warnings fail as errors do.")
    ] = False,
    as_json: o.AsJson = False,
    env_file: o.EnvFile = None,
) -> int:
    """Check suite, plug-ins, templates on every scenario, and the data; no model is called."""
    from promptreg.cli.show import complain
    from promptreg.numbers import count
    from promptreg.pipeline.fixtures import check_generated
    from promptreg.pipeline.project import open_project
    from promptreg.pipeline.validate import check

    o.read_env_file(env_file)
    findings: Sequence[Finding]
    if (generated := check_generated(config)) is not None:
        path, findings = generated
        _show(path, findings, {}, "its scenarios", as_json=as_json)
    else:
        project = open_project(config)
        report = check(project)
        findings = report.findings
        facts = {
            "suite": project.suite.suite,
            "scenarios": report.scenarios,
            "versions": report.versions,
        }
        looked_at = (
            f"{count(report.versions, 'template version')} on {count(report.scenarios, 'scenario')}"
        )
        _show(project.path, findings, facts, looked_at, as_json=as_json)
        complain(project.plugins)
    failing = ("error", "warning") if strict else ("error",)
    return int(ExitCode.USAGE) if any(f.level in failing for f in findings) else 0


def _show(
    path: Path,
    findings: Sequence[Finding],
    facts: dict[str, Any],
    looked_at: str,
    *,
    as_json: bool,
) -> None:
    from promptreg.cli.show import print_json
    from promptreg.numbers import count

    errors = sum(f.level == "error" for f in findings)
    warnings = sum(f.level == "warning" for f in findings)
    if as_json:
        facts |= {"errors": errors, "warnings": warnings, "findings": [asdict(f) for f in findings]}
        print_json(facts)
        return
    for finding in findings:
        print(f"{finding.level}: {finding.where}: {finding.message} [{finding.code}]")
    print(f"{path}: {looked_at}: {count(errors, 'error')}, {count(warnings, 'warning')}")
