"""`bisect`: which part of an edit, or which commit, made a template worse."""

from promptreg.pipeline.bisect.plan import plan_bisection
from promptreg.pipeline.bisect.result import Bisection
from promptreg.pipeline.bisect.run import bisect
from promptreg.pipeline.bisect.wish import Wish

__all__ = ["Bisection", "Wish", "bisect", "plan_bisection"]
