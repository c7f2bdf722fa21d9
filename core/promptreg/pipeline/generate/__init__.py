"""Joins what a generation needs: opened, collected slot by slot, frozen as a folder."""

from promptreg.pipeline.generate.freeze import SCENARIOS
from promptreg.pipeline.generate.made import Made
from promptreg.pipeline.generate.opened import Generation, make_generator, open_generation
from promptreg.pipeline.generate.prompts import stale_prompts
from promptreg.pipeline.generate.run import check_generation, generate

__all__ = [
    "SCENARIOS",
    "Generation",
    "Made",
    "check_generation",
    "generate",
    "make_generator",
    "open_generation",
    "stale_prompts",
]
