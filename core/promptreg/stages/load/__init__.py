"""Reads what a suite names: scenarios, templates, and references to versions."""

from promptreg.stages.load.content import image_sha256
from promptreg.stages.load.gitsource import Revision
from promptreg.stages.load.labels import Label, read_labels
from promptreg.stages.load.lineage import GitVersion, State, git_version, lineage
from promptreg.stages.load.narrow import matches, narrow
from promptreg.stages.load.past import (
    edited_files,
    is_tracked,
    merge_base,
    past_bytes,
    past_scenarios,
    past_template,
    past_text,
    uncommitted,
)
from promptreg.stages.load.references import Resolved, RunRef, resolve
from promptreg.stages.load.registered import find_registered, open_journal, template_of
from promptreg.stages.load.scenarios import load_scenarios
from promptreg.stages.load.templates import at_revision, load_template
from promptreg.stages.load.truth import TRUTH_COLUMNS

__all__ = [
    "TRUTH_COLUMNS",
    "GitVersion",
    "Label",
    "Resolved",
    "Revision",
    "RunRef",
    "State",
    "at_revision",
    "edited_files",
    "find_registered",
    "git_version",
    "image_sha256",
    "is_tracked",
    "lineage",
    "load_scenarios",
    "load_template",
    "matches",
    "merge_base",
    "narrow",
    "open_journal",
    "past_bytes",
    "past_scenarios",
    "past_template",
    "past_text",
    "read_labels",
    "resolve",
    "template_of",
    "uncommitted",
]
