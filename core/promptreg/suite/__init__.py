"""The suite file: what it may say, and clear errors for what it may not.

Knows the file's shape only. It opens no data file, imports no plug-in and makes no decision;
settings of plug-ins are handed on untouched and checked by the plug-in's own signature.
"""

from promptreg.suite.entries import (
    AnswerEntry,
    EmbedderEntry,
    FieldRule,
    GateEntry,
    GenerateEntry,
    GenerationFile,
    LimitEntry,
    ProviderEntry,
    ScorerEntry,
    Suite,
    TemplateEntry,
)
from promptreg.suite.gate_parts import MOST_LOOKS
from promptreg.suite.presets import Resolved, preset, preset_names, resolve
from promptreg.suite.reading import (
    find_suite,
    load_generation,
    load_suite,
    parse_provider,
    parse_suite,
)

__all__ = [
    "MOST_LOOKS",
    "AnswerEntry",
    "EmbedderEntry",
    "FieldRule",
    "GateEntry",
    "GenerateEntry",
    "GenerationFile",
    "LimitEntry",
    "ProviderEntry",
    "Resolved",
    "ScorerEntry",
    "Suite",
    "TemplateEntry",
    "find_suite",
    "load_generation",
    "load_suite",
    "parse_provider",
    "parse_suite",
    "preset",
    "preset_names",
    "resolve",
]
