"""`promptreg plan A B`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from promptreg.cli import options as o

if TYPE_CHECKING:
    from promptreg.pipeline.plan import Plan

__all__ = ["plan"]


def plan(
    refs: Annotated[
        list[str], typer.Argument(metavar="BASELINE CANDIDATE", help="Versions, as for 'compare'.")
    ],
    config: o.Config = None,
    repeats: o.Repeats = None,
    limit: o.Limit = None,
    filter_: o.Filter = None,
    template: o.TemplateNames = None,
    seed: o.Seed = None,
    no_cache: o.NoCache = False,
    alpha: o.Alpha = None,
    margin: o.Margin = None,
    sequential: o.Sequential = None,
    looks: o.Looks = None,
    anytime: o.AnyTime = False,
    strict: o.Strict = False,
    as_json: o.AsJson = False,
    env_file: o.EnvFile = None,
) -> int:
    """Say what a comparison would cost and could see; no model is called."""
    from promptreg.cli.show import print_json
    from promptreg.pipeline.plan import plan as make_plan
    from promptreg.pipeline.project import open_project

    o.read_env_file(env_file)
    options = o.make_options(
        template=template,
        filter_=filter_,
        limit=limit,
        repeats=repeats,
        seed=seed,
        no_cache=no_cache,
        alpha=alpha,
        margin=margin,
        sequential=sequential,
        looks=looks,
        anytime=anytime,
        strict=strict,
    )
    found = make_plan(open_project(config), refs, options)
    if as_json:
        totals = {"trials": found.trials, "cached": found.cached, "calls": found.calls}
        totals["model_calls"] = found.model_calls
        print_json(asdict(found) | totals)
        return 0
    _print(found)
    return 0


def _print(found: Plan) -> None:
    from promptreg.cli.show import print_table
    from promptreg.numbers import margin as show_margin
    from promptreg.numbers import number

    cost = "" if found.cost is None else f", cost about {number(found.cost)}"
    print(
        f"{found.trials:,} trials, {found.cached:,} already answered, "
        f"{found.calls:,} calls to make by {found.provider}{cost}"
    )
    print_table(
        ["version", "scenarios", "trials", "cached", "prompt tokens", "completion tokens"],
        [
            [
                f"{v.template}@{v.label}",
                f"{v.scenarios:,}",
                f"{v.trials:,}",
                f"{v.cached:,}",
                ("" if v.measured else "~") + f"{v.prompt_tokens:,}",
                "unknown" if v.completion_tokens is None else f"{v.completion_tokens:,}",
            ]
            for v in found.versions
        ],
        {1, 2, 3, 4, 5},
    )
    if found.models:
        print("Scorers ask models besides, within the same --budget:")
        print_table(
            ["scorer", "model", "calls", "cached", "prompt tokens", "completion tokens", "cost"],
            [
                [
                    m.scorer,
                    ", ".join(m.models),
                    f"{m.calls:,}",
                    f"{m.cached:,}",
                    _tokens(m.prompt_tokens, measured=m.measured),
                    _tokens(m.completion_tokens, measured=m.measured),
                    "" if m.cost is None else f"about {number(m.cost)}",
                ]
                for m in found.models
            ],
            {2, 3, 4, 5, 6},
        )
    if found.detectable:
        print("Smallest change that would be seen (80 % power):")
        print_table(
            ["template", "metric", "n", "families", "could see", "margin", "n for margin"],
            [
                [
                    d.template,
                    d.metric,
                    str(d.n_scenarios),
                    str(d.n_clusters),
                    show_margin(d.change, d.unit, share=d.binary),
                    show_margin(d.margin, d.unit, share=d.binary),
                    f"{d.scenarios_for_margin:,}",
                ]
                for d in found.detectable
            ],
            {2, 3, 4, 5, 6},
        )
    for note in found.notes:
        print(f"note: {note}")


def _tokens(count: int | None, *, measured: bool) -> str:
    return "unknown" if count is None else f"{'' if measured else '~'}{count:,}"
