"""Scenarios that became worse, with what both versions answered, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from promptreg.api import html
from promptreg.stages.report.answers import answer_words
from promptreg.stages.report.text import one_line
from promptreg.verdicts import ScenarioChange, SideTrial

__all__ = ["WorstScenarios"]

_FACTS = 5
_APART = "not known: each scenario was answered by one version only"


@dataclass(frozen=True, slots=True)
class WorstScenarios(Sequence[ScenarioChange]):
    """Scenarios, the worst first; both versions' labels."""

    changes: tuple[ScenarioChange, ...]
    labels: tuple[str, str]
    apart: bool = False
    """Whether each scenario was answered by one version only: none can be seen to become worse."""

    def __len__(self) -> int:
        return len(self.changes)

    def __getitem__(self, at: int) -> ScenarioChange:  # type: ignore[override] # slices: see changes
        return self.changes[at]

    def __repr__(self) -> str:
        words = (f"{one_line(c.scenario_id, 60)} {c.change or 0.0:+.3f}" for c in self.changes)
        none = _APART if self.apart else "none"
        return f"<became worse: {', '.join(words) or none}>"

    def _repr_html_(self) -> str:
        if not self.changes:
            return html.block(_APART if self.apart else "no scenario became worse")
        rows = [[_what(c), _said(c.baseline), _said(c.candidate)] for c in self.changes]
        return html.block(html.table(["scenario", *self.labels], rows))


def _what(c: ScenarioChange) -> Markup:
    by = "" if c.change is None else f"{c.change:+.3f}"
    facts = [f"{one_line(k, 24)}={one_line(v, 24)}" for k, v in c.attributes.items()][:_FACTS]
    if "risk_range" in c.ground_truth:
        facts.insert(0, f"expected {one_line(str(c.ground_truth['risk_range']), 30)}")
    return Markup("<strong>{}</strong> {} {}<br>{}").format(
        one_line(c.scenario_id, 80),
        one_line(c.template, 40),
        by,
        Markup("<br>").join(facts),
    )


def _said(trial: SideTrial) -> Markup:
    return Markup("<br>").join(answer_words(trial, limit=400))
