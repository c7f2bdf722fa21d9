"""Fragments of pages that show comparisons: what the HTML report and the service have in common.

Each function takes plain values as the JSON report holds them (or what these were made from) and
returns escaped HTML that carries classes, no colours. `style` is the sheet that goes with them.
Everything works without a script.
"""

from promptreg_plugins.look.fragments import (
    Labels,
    answers,
    badge,
    environment,
    marked,
    metric_table,
    scenario_card,
    style,
    template_diff,
)

__all__ = [
    "Labels",
    "answers",
    "badge",
    "environment",
    "marked",
    "metric_table",
    "scenario_card",
    "style",
    "template_diff",
]
