"""The suite file: what it may say, and clear errors for what it may not.

Knows the file's shape only. It opens no data file, imports no plug-in and makes no decision;
settings of plug-ins are handed on untouched and checked by the plug-in's own signature.
"""

from promptreg.suite.entries import (
    AnswerEntry,
    DesignEntry,
    EmbedderEntry,
    FieldRule,
    GateEntry,
    GenerateEntry,
    GenerationFile,
    GuardEntry,
    HistoryEntry,
    LimitEntry,
    MoreEntry,
    ProviderEntry,
    ScorerEntry,
    SequentialEntry,
    Suite,
    TemplateEntry,
    TimeoutEntry,
)
from promptreg.suite.gate_parts import MOST_LOOKS, ShareEntry, SliceEntry
from promptreg.suite.presets import Preset, Resolved, preset, preset_names, resolve
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
    "DesignEntry",
    "EmbedderEntry",
    "FieldRule",
    "GateEntry",
    "GenerateEntry",
    "GenerationFile",
    "GuardEntry",
    "HistoryEntry",
    "LimitEntry",
    "MoreEntry",
    "Preset",
    "ProviderEntry",
    "Resolved",
    "ScorerEntry",
    "SequentialEntry",
    "ShareEntry",
    "SliceEntry",
    "Suite",
    "TemplateEntry",
    "TimeoutEntry",
    "find_suite",
    "load_generation",
    "load_suite",
    "parse_provider",
    "parse_suite",
    "preset",
    "preset_names",
    "resolve",
]
