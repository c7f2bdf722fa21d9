"""The bar that both kinds of progress draw on a terminal."""

from __future__ import annotations

from typing import Any

__all__ = ["Bar"]


class Bar:
    """A bar on stderr that is gone when it stops; drawn from its first update on.

    Args:
        what: what is counted, in the plural.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._bar: Any = None
        self._task: Any = None

    @property
    def drawn(self) -> bool:
        """Whether anything is shown yet."""
        return self._bar is not None

    def update(self, done: int, total: int, words: str = "") -> None:
        """Show how far the work is, and some words beside it."""
        if self._bar is None:
            self._open(total)
        self._bar.update(self._task, completed=done, total=total, description=words)

    def reset(self, total: int) -> None:
        """Begin to count anew, if anything is shown."""
        if self._bar is not None:
            self._bar.reset(self._task, total=total)

    def stop(self) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._bar.stop()

    def _open(self, total: int) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        self._bar = Progress(
            TextColumn(self._what),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TextColumn("{task.description}"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._task = self._bar.add_task("", total=total)
        self._bar.start()
