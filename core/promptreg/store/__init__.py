"""The run store: what was asked and answered, kept so that no paid call is made twice.

- `promptreg.store.calls`: completions by key, with failures and claims (SQLite).
- `promptreg.store.runs`: the trials of finished runs (Parquet and a manifest).
- `promptreg.store.salvage`: a damaged call store looked over and rebuilt.

Nothing is imported here, so that naming the package costs nothing at start-up.
"""
