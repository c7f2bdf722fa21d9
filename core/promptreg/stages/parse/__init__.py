"""Completion to answer: what a text says, strictly, and what production would have made of it."""

from promptreg.stages.parse.bands import LEVEL_BANDS, level_of
from promptreg.stages.parse.objects import find_objects
from promptreg.stages.parse.reader import AnswerReader
from promptreg.stages.parse.rules import compile_rule
from promptreg.stages.parse.thinking import split_thinking

__all__ = [
    "LEVEL_BANDS",
    "AnswerReader",
    "compile_rule",
    "find_objects",
    "level_of",
    "split_thinking",
]
