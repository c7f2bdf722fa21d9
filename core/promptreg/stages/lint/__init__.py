"""What `promptreg validate` finds; no model is called."""

from promptreg.stages.lint.data import lint_scenarios
from promptreg.stages.lint.findings import Finding, few
from promptreg.stages.lint.prompts import lint_problems, lint_prompts, lint_select
from promptreg.stages.lint.wording import lint_pair, lint_wording

__all__ = [
    "Finding",
    "few",
    "lint_pair",
    "lint_problems",
    "lint_prompts",
    "lint_scenarios",
    "lint_select",
    "lint_wording",
]
