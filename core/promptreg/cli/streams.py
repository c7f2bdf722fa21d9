"""Standard output and error that outlive their reader and any locale."""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
from collections.abc import Iterator
from contextvars import ContextVar
from typing import TextIO

from promptreg.errors import ExitCode

__all__ = ["document_stream", "flush_streams", "guard_streams", "only_documents"]

_documents: ContextVar[TextIO | None] = ContextVar("documents", default=None)


class _Outliving(io.FileIO):
    """A file descriptor that takes everything, also when its reader went away.

    `promptreg gate v1 v2 | head -1` closes the pipe in the middle of the table; the exit code must
    still be the verdict. What nobody reads goes nowhere.
    """

    def write(self, data: object) -> int:
        """Write, or drop the bytes; return how many there were."""
        try:
            return super().write(data)  # type: ignore[arg-type] # any buffer; the stubs differ
        except BrokenPipeError:
            _send_nowhere(self.fileno())
            return super().write(data)  # type: ignore[arg-type] # as above


class _Inert(io.TextIOWrapper):
    """Text in which the runner of GitHub Actions finds no command.

    It obeys every line of a job's output that begins with `::`, and `##[...]` anywhere in one; an
    answer, a scenario or a file's name must not be able to say that. A zero-width space goes in.
    """

    _line = ""
    """What the unfinished line ends in, as far as it may begin a command."""

    def write(self, text: str) -> int:
        """Write the text and return its length."""
        known = len(self._line)
        whole = _COMMANDS.sub(lambda m: f"{m.group()[:-1]}\u200b{m.group()[-1]}", self._line + text)
        last = re.split(r"[\r\n]", whole)[-1]
        blank = " " if last[:1].isspace() else ""
        self._line = f"x{last[-2:]}" if last.replace(":", "").strip() else blank + last.strip()
        super().write(whole[known:])
        return len(text)


_COMMANDS = re.compile(r"(?m)(?:^|(?<=\r))[^\S\n]*::|##\[")


def guard_streams() -> None:
    """Replace `sys.stdout` and `sys.stderr` of this process.

    A sign that the locale's encoding lacks is shown as `?` instead of ending the program.
    """
    sys.stdout = _guarded(sys.stdout)
    sys.stderr = _guarded(sys.stderr)


@contextlib.contextmanager
def only_documents() -> Iterator[None]:
    """Keep standard output for what goes to `document_stream`.

    All else that is printed goes to standard error: a library's or a plug-in's word would spoil
    the document.
    """
    token = _documents.set(sys.stdout)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        _documents.reset(token)


def document_stream() -> TextIO:
    """Return where a JSON document is printed."""
    return _documents.get() or sys.stdout


def flush_streams(code: int) -> int:
    """Write out what is buffered and return the exit code: `code`, or 5 if that fails."""
    try:
        sys.stdout.flush()
    except OSError as e:  # the disk behind `> file` is full
        if code != ExitCode.EXECUTION:
            print(f"promptreg: the result could not be written: {e.strerror}", file=sys.stderr)
        _send_nowhere(sys.stdout.fileno())  # else the interpreter tries again as it ends
        return int(ExitCode.EXECUTION)
    return code


def _send_nowhere(number: int) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, number)
    os.close(nowhere)


def _guarded(stream: TextIO | None) -> TextIO:
    if stream is None:  # closed before we were started (`>&-`)
        return io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    try:
        number = stream.fileno()
    except (OSError, ValueError):
        return stream  # already replaced by something that is no file
    stream.flush()
    raw = _Outliving(number, "w", closefd=False)
    kind = _Inert if os.environ.get("GITHUB_ACTIONS") == "true" else io.TextIOWrapper
    return kind(
        io.BufferedWriter(raw),
        encoding=stream.encoding,
        errors="replace",
        line_buffering=raw.isatty() or stream is sys.stderr,
    )
