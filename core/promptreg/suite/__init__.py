"""The suite file: what it may say, and clear errors for what it may not.

Knows the file's shape only. It opens no data file, imports no plug-in and makes no decision;
settings of plug-ins are handed on untouched and checked by the plug-in's own signature.
"""

from promptreg.suite.entries import (
    AnswerEntry,
    FieldRule,
    GateEntry,
    GenerateEntry,
    GenerationFile,
    GuardEntry,
    LimitEntry,
    ProviderEntry,
    ScorerEntry,
    Suite,
    TemplateEntry,
    TimeoutEntry,
)
from promptreg.suite.reading import find_suite, load_generation, load_suite, parse_suite

__all__ = [
    "AnswerEntry",
    "FieldRule",
    "GateEntry",
    "GenerateEntry",
    "GenerationFile",
    "GuardEntry",
    "LimitEntry",
    "ProviderEntry",
    "ScorerEntry",
    "Suite",
    "TemplateEntry",
    "TimeoutEntry",
    "find_suite",
    "load_generation",
    "load_suite",
    "parse_suite",
]
