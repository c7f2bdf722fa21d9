"""Scenarios that were made become a fixture: checked, measured, frozen."""

from promptreg.stages.generate.coverage import measure
from promptreg.stages.generate.journal import Journal, fingerprint
from promptreg.stages.generate.markdown import coverage_markdown
from promptreg.stages.generate.rows import ID, row_problem, slot_problem
from promptreg.stages.generate.similar import near_duplicates, shingles, similarity
from promptreg.stages.generate.tables import parquet_bytes

__all__ = [
    "ID",
    "Journal",
    "coverage_markdown",
    "fingerprint",
    "measure",
    "near_duplicates",
    "parquet_bytes",
    "row_problem",
    "shingles",
    "similarity",
    "slot_problem",
]
