"""What an unpaired design rules out, said before anything is asked."""

from __future__ import annotations

from promptreg.errors import UsageError
from promptreg.suite import Suite

__all__ = ["only_logged", "only_paired"]


def only_logged(suite: Suite, *, cacheable: bool) -> None:
    """Refuse to ask a model about scenarios that a log says were drawn for one version each.

    Raises:
        UsageError: the design is unpaired, and the provider would ask.
    """
    if suite.design.kind == "unpaired" and cacheable:
        raise UsageError(
            f"design: unpaired is for what was answered already, and provider {suite.provider.use} "
            "would ask both versions about every scenario: that is the paired comparison, which "
            "tells more. Use the provider 'recorded', or leave 'design' out"
        )


def only_paired(suite: Suite, what: str) -> None:
    """Refuse what needs both versions' answers to the same scenarios.

    Raises:
        UsageError: the design is unpaired.
    """
    if suite.design.kind == "unpaired":
        raise UsageError(
            f"{what} needs both versions' answers to the same scenarios, and the suite says "
            "'design: unpaired'"
        )
