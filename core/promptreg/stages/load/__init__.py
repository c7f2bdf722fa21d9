"""Reads what a suite names: scenarios, templates, and references to versions."""

from promptreg.stages.load.narrow import matches, narrow
from promptreg.stages.load.scenarios import load_scenarios

__all__ = ["load_scenarios", "matches", "narrow"]
