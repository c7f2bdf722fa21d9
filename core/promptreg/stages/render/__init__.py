"""Turns a template and a scenario into a prompt."""

from promptreg.stages.render.engine import (
    Renderer,
    check_rendering,
    compile_template,
    render,
    with_variables,
)
from promptreg.stages.render.problems import RenderError
from promptreg.stages.render.tokens import ROLE_TOKENS

__all__ = [
    "ROLE_TOKENS",
    "RenderError",
    "Renderer",
    "check_rendering",
    "compile_template",
    "render",
    "with_variables",
]
