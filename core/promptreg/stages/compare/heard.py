"""An example of what was told of lost trials, where a run is stored."""

from __future__ import annotations

from promptreg.errors import PromptregError
from promptreg.records import Run
from promptreg.store.runs import read_trials

__all__ = ["heard"]


def heard(run: Run, column: str, cause: str = "") -> str:
    """Return the first text in a column of a run's trials as ` (such as: ...)`; empty for none.

    Args:
        run: may be one that is not stored.
        column: of its table.
        cause: look at trials that failed by it alone; empty: at all.
    """
    if not run.path:
        return ""
    try:
        for row in read_trials(run, columns=[column, *(["error_cause"] if cause else [])]):
            if row[column] and (not cause or row["error_cause"] == cause):
                return f" (such as: {row[column][:200]})"
    except PromptregError:  # a column that is in no run, a damaged file: it is an example only
        return ""
    return ""
