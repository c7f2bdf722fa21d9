"""History `mlflow`: a suite is an experiment, a run a run, a comparison the parent of its runs.

`history` is the plug-in; `writer` writes runs and comparisons, `prompts` template versions,
`reader` reads them back, `names` says what MLflow may call things, `address` where it is.
Only `session` imports mlflow, which takes seconds.
"""
