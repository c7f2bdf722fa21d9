"""Whether a person has confirmed what a machine says is right."""

from __future__ import annotations

from promptreg.records import ScenarioSet

__all__ = ["unreviewed_words"]


def unreviewed_words(scenarios: ScenarioSet) -> str:
    """Return how much of the ground truth a machine made that no person has confirmed; or nothing.

    Sets whose truth a machine made say so in a column `reviewed`; others are not asked.
    """
    open_ = [s for s in scenarios.scenarios if s.variables.get("reviewed") is False]
    if not open_:
        return ""
    who = sorted({str(s.variables.get("source") or "a machine") for s in open_})
    shown = ", ".join(who[:3]) + (", ..." if len(who) > 3 else "")
    return (
        f"the ground truth of {len(open_)} of {len(scenarios.scenarios)} scenarios was made by a "
        f"machine ({shown}), and no person has confirmed it: what agrees with it need not be right"
    )
