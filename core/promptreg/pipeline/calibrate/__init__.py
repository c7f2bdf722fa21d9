"""Calibration: how often this gate errs on this suite.

`run` asks a version about the same scenarios twice and simulates gates from the answers
(`simulate`), `report` is what came of it, `kept` finds the stored one that fits a comparison.
Modules are imported one by one: comparisons need `kept`, and not what simulates gates.
"""
