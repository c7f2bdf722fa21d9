"""What a comparison would do and could see, as a result."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from promptreg.api import html
from promptreg.numbers import margin, number
from promptreg.pipeline.plan import Plan
from promptreg.stages.report.text import one_line

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PlanResult"]


@dataclass(frozen=True, slots=True)
class PlanResult:
    """A plan; no model was called."""

    plan: Plan

    @property
    def versions(self) -> pd.DataFrame:
        """One row per version: trials, cached trials, tokens."""
        import pandas as pd

        return pd.DataFrame([asdict(v) for v in self.plan.versions])

    @property
    def detectable(self) -> pd.DataFrame:
        """One row per template and metric: the smallest `change` seen with 80 % power.

        `scenarios_for_margin` is how many scenarios it takes to see a change of the margin.
        """
        import pandas as pd

        return pd.DataFrame([asdict(d) for d in self.plan.detectable])

    def __repr__(self) -> str:
        p = self.plan
        return f"<plan: {p.trials:,} trials, {p.cached:,} answered, {p.calls:,} calls to make>"

    def _repr_html_(self) -> str:
        p = self.plan
        cost = "" if p.cost is None else f", cost about {number(p.cost)}"
        head = f"{p.trials:,} trials, {p.cached:,} already answered, {p.calls:,} calls to make"
        head += f", {p.model_calls:,} more by scorers" if p.models else ""
        rows = [
            [
                one_line(d.template, 40),
                one_line(d.metric, 40),
                str(d.n_scenarios),
                str(d.n_clusters),
                margin(d.change, d.unit, share=d.binary),
                margin(d.margin, d.unit, share=d.binary),
                f"{d.scenarios_for_margin:,}",
            ]
            for d in p.detectable
        ]
        heads = ["template", "metric", "n", "families", "could see", "margin", "n for margin"]
        notes = html.lines([one_line(note, 300) for note in p.notes])
        return html.block(
            html.lines([head + cost], ""), html.table(heads, rows, {2, 3, 4, 5, 6}), notes
        )
