"""`promptreg validate`: everything that can be checked without a model."""

from __future__ import annotations

from typing import Annotated

import typer

from promptreg.cli import options as o
from promptreg.errors import ExitCode

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
    from promptreg.cli.show import complain, print_json
    from promptreg.numbers import count
    from promptreg.pipeline.project import open_project
    from promptreg.pipeline.validate import check

    o.read_env_file(env_file)
    project = open_project(config)
    report = check(project)
    errors = sum(f.level == "error" for f in report.findings)
    warnings = sum(f.level == "warning" for f in report.findings)
    if as_json:
        print_json(
            {
                "suite": project.suite.suite,
                "scenarios": report.scenarios,
                "versions": report.versions,
                "errors": errors,
                "warnings": warnings,
                "findings": [
                    {"level": f.level, "code": f.code, "where": f.where, "message": f.message}
                    for f in report.findings
                ],
            }
        )
    else:
        for finding in report.findings:
            print(f"{finding.level}: {finding.where}: {finding.message} [{finding.code}]")
        print(
            f"{project.path}: {count(report.versions, 'template version')} on "
            f"{count(report.scenarios, 'scenario')}: {count(errors, 'error')}, "
            f"{count(warnings, 'warning')}"
        )
    complain(project.plugins)
    return int(ExitCode.USAGE) if errors or (strict and warnings) else 0
