"""What a job says on stderr: plain lines, and commands to the GitHub runner."""

from __future__ import annotations

import sys

from promptreg.stages.report.text import one_line

__all__ = ["annotation", "say", "warn"]


def say(text: str) -> None:
    """Print one line for people."""
    print(f"promptreg: {one_line(text, 600)}", file=sys.stderr)


def warn(text: str) -> None:
    """Print one line, as a warning that the GitHub runner shows with the job."""
    annotation("warning", "promptreg", text)


def annotation(kind: str, title: str, message: str, file: str = "", line: int = 0) -> None:
    """Tell the GitHub runner to show a message, at a file's line where there is one.

    Args:
        kind: `error`, `warning` or `notice`.
        title: any text; cleaned and escaped here.
        message: any text; cleaned and escaped here.
        file: path from the top of the checkout; empty for none.
        line: from 1; 0 for none.
    """
    properties = {"file": file, "line": str(line or ""), "title": one_line(title, 120)}
    told = ",".join(f"{k}={_property(v)}" for k, v in properties.items() if v)
    _command(f"::{kind} {told}::{_data(one_line(message, 900))}")


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _command(line: str) -> None:
    """Write past the guard that keeps everything else from being taken for a command."""
    stream = sys.stderr
    stream.flush()
    binary = getattr(stream, "buffer", None)
    if binary is None:
        print(line, file=stream)
        return
    binary.write(f"{line}\n".encode("utf-8", "replace"))
    binary.flush()
