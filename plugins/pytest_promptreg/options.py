"""What the command line and the ini file may say to the plug-in."""

from __future__ import annotations

from pathlib import Path

import pytest

__all__ = ["INCONCLUSIVE", "MARK", "add_options", "check_options", "given_suite"]

INCONCLUSIVE = ("fail", "skip", "pass")
MARK = (
    "promptreg(baseline, candidate, *, suite, template, metrics, slices, inconclusive, filters, "
    "limit, repeats, seed, concurrency, alpha, margins, budget, cache, allow_unmatched, "
    "allow_mismatch): compare two versions of prompt templates; one test per template and slice."
)


def add_options(parser: pytest.Parser) -> None:
    """Add the options and the ini keys."""
    group = parser.getgroup("promptreg", "prompt regressions")
    group.addoption(
        "--promptreg-config",
        metavar="FILE",
        help="suite file or its folder; default: ini promptreg_config, else upward from rootdir",
    )
    group.addoption(
        "--promptreg-baseline",
        metavar="REF",
        help="the trusted version: with --promptreg-candidate suite files are collected, and marks "
        "may leave their versions out",
    )
    group.addoption("--promptreg-candidate", metavar="REF", help="the version under test")
    group.addoption(
        "--promptreg-inconclusive",
        choices=INCONCLUSIVE,
        help="what becomes of an inconclusive check whose mark says nothing; default: fail, unless "
        "the suite says 'inconclusive: allow'",
    )
    group.addoption(
        "--promptreg-metrics",
        metavar="NAMES",
        help="for suite files: a test for each of these metrics, or 'all'",
    )
    group.addoption(
        "--promptreg-slices",
        metavar="NAMES",
        help="for suite files: slice by these attributes only, or 'none'",
    )
    group.addoption("--promptreg-json", metavar="FILE", help="write checks and comparisons as JSON")
    parser.addini("promptreg_config", "suite file or its folder, from the ini file's folder")
    parser.addini(
        "promptreg_type_attribute",
        "column that scenario_by_type groups by",
        default="scenario_type",
    )
    parser.addini(
        "promptreg_version", "version that evaluate_prompt takes for a template's bare name"
    )


def check_options(config: pytest.Config) -> None:
    """Refuse options that cannot be followed, before anything is collected."""
    sides = [config.getoption(f"promptreg_{side}") for side in ("baseline", "candidate")]
    if bool(sides[0]) != bool(sides[1]):
        raise pytest.UsageError("--promptreg-baseline and --promptreg-candidate go together")
    target = config.getoption("promptreg_json")
    if target and (Path(target).is_dir() or not Path(target).absolute().parent.is_dir()):
        raise pytest.UsageError(
            f"--promptreg-json {target}: must be a file in a folder that is there"
        )


def given_suite(config: pytest.Config) -> Path | None:
    """Return the suite that the command line or the ini file names; None where neither does."""
    if option := config.getoption("promptreg_config"):
        return Path(config.invocation_params.dir, option)
    if ini := config.getini("promptreg_config"):
        home = config.inipath.parent if config.inipath else config.rootpath
        return Path(home, ini)
    return None
