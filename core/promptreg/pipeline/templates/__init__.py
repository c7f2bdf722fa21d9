"""`templates`: what is registered, where aliases point, and how they move.

Import what you need from the submodules: `listing`, `register`, `promote`, `rollback`, `drift`.
"""
