"""Whether the compared scenarios have every value that the policy asks for."""

from __future__ import annotations

from collections.abc import Sequence

from promptreg.criteria import required_words
from promptreg.policy import Policy
from promptreg.records import Run
from promptreg.verdicts import Criterion

__all__ = ["check_criteria"]


def check_criteria(runs: Sequence[Run], policy: Policy) -> tuple[Criterion, ...]:
    """Return what the policy asks for besides numbers, and whether the runs have it.

    Args:
        runs: whose scenarios are looked at, all together.
        policy: what it requires; its criteria that nothing measures, or that are dropped, follow.
    """
    found = []
    for attribute, values in policy.required.items():
        there = {v for run in runs for v in run.attributes.get(attribute, ()) if v}
        lacking = [v for v in values if v not in there]
        if not there:
            note = f"no compared scenario has {attribute}"
        elif lacking:
            note = f"no compared scenario has {attribute}={' or '.join(lacking)}"
        else:
            note = ""
        found.append(
            Criterion(
                attribute,
                required_words(attribute, values),
                "missing" if lacking else "present",
                note,
            )
        )
    return (*found, *policy.apart)
