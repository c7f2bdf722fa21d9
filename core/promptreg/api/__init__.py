"""promptreg from Python: what the command line does, with tables and pictures for notebooks.

`promptreg.open_suite` is the way in. Tables are pandas DataFrames; results and plots show
themselves in a notebook. Everything also works inside a running event loop.
"""

from promptreg.api.comparison import ComparisonResult
from promptreg.api.generated import GeneratedSet
from promptreg.api.plan import PlanResult
from promptreg.api.plot import Plot
from promptreg.api.runs import RunResult, RunResults
from promptreg.api.suite import OpenSuite, open_suite

__all__ = [
    "ComparisonResult",
    "GeneratedSet",
    "OpenSuite",
    "PlanResult",
    "Plot",
    "RunResult",
    "RunResults",
    "open_suite",
]
