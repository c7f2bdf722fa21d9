"""Compare two runs: from columns of scores to differences with verdicts."""

from promptreg.stages.compare.changes import Change, rank_changes
from promptreg.stages.compare.comparable import (
    between_providers,
    check_baseline,
    check_comparable,
    check_gaps,
    matched,
)
from promptreg.stages.compare.differences import (
    compare_pairs,
    compare_slices,
    complete_case,
)
from promptreg.stages.compare.evident import excludes_no_change, without_accusation
from promptreg.stages.compare.gaps import unequal_losses, unjudged
from promptreg.stages.compare.limits import check_limits
from promptreg.stages.compare.pairs import RunPair
from promptreg.stages.compare.pictures import breakdowns, curves
from promptreg.stages.compare.remarks import with_remarks
from promptreg.stages.compare.required import check_criteria

__all__ = [
    "Change",
    "RunPair",
    "between_providers",
    "breakdowns",
    "check_baseline",
    "check_comparable",
    "check_criteria",
    "check_gaps",
    "check_limits",
    "compare_pairs",
    "compare_slices",
    "complete_case",
    "curves",
    "excludes_no_change",
    "matched",
    "rank_changes",
    "unequal_losses",
    "unjudged",
    "with_remarks",
    "without_accusation",
]
