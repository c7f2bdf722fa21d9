"""`promptreg gate A B`."""

from __future__ import annotations

from promptreg.cli import options as o
from promptreg.cli.compare import Baseline, Candidate, comparison_command

__all__ = ["gate"]


def gate(
    baseline: Baseline,
    candidate: Candidate,
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
    as_json: o.AsJson = False,
    quiet: o.Quiet = False,
    verbose: o.Verbose = False,
    env_file: o.EnvFile = None,
) -> int:
    """Decide: compare both versions and exit with the verdict.

    0 pass, 1 regression, 3 inconclusive, 4 not comparable, 5 not finished. Reports are written
    before the exit code is decided.
    """
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
    )
    comparison = comparison_command(
        config, baseline, candidate, options, output or [], as_json, quiet, verbose
    )
    return int(comparison.gate.exit_code)
