"""Joins the stages into what the commands do.

Import what you need from the submodules: `project`, `compare`, `summary`, `plan`, `rescore`,
`validate`.
"""
