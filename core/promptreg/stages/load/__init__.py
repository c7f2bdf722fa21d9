"""Reads what a suite names: scenarios, templates, and references to versions."""

from promptreg.stages.load.narrow import matches, narrow
from promptreg.stages.load.references import Resolved, RunRef, resolve
from promptreg.stages.load.scenarios import load_scenarios
from promptreg.stages.load.templates import at_revision, load_template

__all__ = [
    "Resolved",
    "RunRef",
    "at_revision",
    "load_scenarios",
    "load_template",
    "matches",
    "narrow",
    "resolve",
]
