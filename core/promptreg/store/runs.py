"""Runs as they are kept: `runs/<run-id>/trials.parquet` with `manifest.json`.

`RunWriter` takes trials and finishes a run, `load_run` gives it back as arrays, `read_trials` its
trials one by one, `list_runs` what there is.
"""

from promptreg.store.run_reader import StoredRun, list_runs, load_run
from promptreg.store.run_writer import RunWriter
from promptreg.store.trial_reader import read_trials

__all__ = ["RunWriter", "StoredRun", "list_runs", "load_run", "read_trials"]
