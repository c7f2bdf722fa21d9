"""One comment per suite and pull request: made once, then updated."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import quote, unquote

from promptreg_plugins.forge.api import UnsureError
from promptreg_plugins.forge.job import Job

__all__ = ["Marker", "Note", "Notes", "put"]

_MARKER = re.compile(
    r"<!-- promptreg:sticky name=(?P<name>\S*) file=(?P<file>\S*) run=(?P<run>\d{1,18}) -->"
)
_TRIES = 3


@dataclass(frozen=True, slots=True)
class Note:
    """A comment that this token's own user wrote."""

    id: int
    body: str


class Notes(Protocol):
    """The comments of one pull request."""

    def own(self) -> Iterable[Note]:
        """Return the comments written with this token's user, the oldest first."""
        ...

    def create(self, body: str) -> None:
        """Write a new comment."""
        ...

    def update(self, note: int, body: str) -> None:
        """Replace a comment's text."""
        ...

    def delete(self, note: int) -> None:
        """Remove a comment."""
        ...


@dataclass(frozen=True, slots=True)
class Marker:
    """What tells our comment about one suite from all others; hidden in its first line.

    Attributes:
        name: the suite's name, or the name that the job gives; empty where it is not known.
        file: the suite file's path from the top of the checkout; empty where it is not known.
        run: the run that wrote it.
    """

    name: str
    file: str
    run: int = 0

    def __str__(self) -> str:
        name, file = (_word(text) for text in (self.name, self.file))
        return f"<!-- promptreg:sticky name={name} file={file} run={self.run} -->"

    @classmethod
    def read(cls, body: str) -> Marker | None:
        """Return the marker of a comment's first line, or None."""
        match = _MARKER.match(body.lstrip()[:2_000])
        if match is None:
            return None
        return cls(unquote(match["name"]), unquote(match["file"]), int(match["run"]))

    def fits(self, other: Marker) -> bool:
        """Return whether a comment with the `other` marker is about the same suite.

        By name where it is known, else by file: a broken suite file has no name.
        """
        if not self.name:
            return bool(self.file) and _word(self.file) == _word(other.file)
        return _word(self.name) == _word(other.name)


def _word(text: str) -> str:
    return quote(text[:200], safe="/.", errors="replace").replace("-", "%2D")


def put(
    notes: Notes,
    marker: Marker,
    body: Callable[[Marker], str],
    job: Job,
    *,
    create: bool,
) -> str:
    """Write or update the comment and return what was done, in words.

    A comment of a later run is left as it is. Copies, which two jobs at once may make, go.

    Args:
        notes: the pull request's comments.
        marker: what the comment is about.
        body: from the marker to the comment's text.
        job: this run.
        create: whether a comment is made where there is none.

    Raises:
        ForgeError: the forge refused, or did not answer.
    """
    for attempt in range(_TRIES):
        found = _matching(notes, marker, job)
        if found:
            return _update(notes, found, marker, body, job)
        if not create:
            return "there is no comment to update"
        try:
            notes.create(body(marker))
        except UnsureError:  # it may be there all the same: look before writing another
            if attempt + 1 == _TRIES:
                raise
            time.sleep(2.0 * (attempt + 1))
            continue
        return "a comment was written"
    raise AssertionError("the last try returns or raises")


def _matching(notes: Notes, marker: Marker, job: Job) -> list[tuple[Note, Marker]]:
    read = [(note, Marker.read(note.body)) for note in notes.own()]
    found = [(note, m) for note, m in read if m is not None and marker.fits(m)]
    same = [(note, m) for note, m in found if _word(m.file) == _word(marker.file)]
    # Two suites may share a name; a comment about a file that is gone was about this one.
    gone = [(n, m) for n, m in found if m.file and not (job.workspace / m.file).is_file()]
    return same or gone or ([] if marker.file else found)


def _update(
    notes: Notes,
    found: list[tuple[Note, Marker]],
    marker: Marker,
    body: Callable[[Marker], str],
    job: Job,
) -> str:
    first, told = found[0]
    if max(m.run for _, m in found) > job.number > 0:
        return "the comment is of a later run and stays"
    known = Marker(marker.name or told.name, marker.file or told.file, marker.run)
    notes.update(first.id, body(known))
    for copy, _ in found[1:]:
        notes.delete(copy.id)
    return "the comment was updated"
