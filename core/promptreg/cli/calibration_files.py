"""A calibration as files: JSON and Markdown."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from promptreg.cli.calibration_tables import Section, headline, sections, spent
from promptreg.errors import StoreError, UsageError
from promptreg.pipeline.calibrate.report import CalibrationReport, report_json
from promptreg.stages.report import write_whole
from promptreg.stages.report.text import one_line

__all__ = ["plan_files", "write_files"]

_ENDINGS = (".json", ".md")
_ACTIVE = re.compile(r"[\\`*\[\]<>#|~&$@]|(?<!\w)_|_(?!\w)|(?<=:)(?=//)")


def plan_files(names: Sequence[str]) -> list[Path]:
    """Return the files to write; writes nothing.

    Raises:
        UsageError: no such report can be written, or not there.
    """
    paths = [Path(name) for name in names]
    for path in paths:
        if path.suffix.lower() not in _ENDINGS or not path.stem:
            raise UsageError(
                f"a calibration cannot be written as {str(path)!r}; allowed: {', '.join(_ENDINGS)}"
            )
        if path.is_dir():
            raise UsageError(f"cannot write a report to {path}: it is a directory")
    return paths


def write_files(report: CalibrationReport, paths: Sequence[Path]) -> list[Path]:
    """Write the report to each file, whole or not at all.

    Raises:
        StoreError: a file could not be written.
    """
    for path in paths:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as e:
            raise StoreError(f"report {path} was not written: {e.strerror}") from e
        text = _markdown(report)
        if path.suffix.lower() == ".json":
            text = json.dumps(report_json(report), indent=2, ensure_ascii=True, allow_nan=False)
            text += "\n"
        write_whole(path, text.encode())
    return list(paths)


def _markdown(report: CalibrationReport) -> str:
    parts = [f"## {_escape(headline(report), 600)}"]
    parts += [f"> **Warning:** {_escape(warning, 500)}" for warning in report.warnings]
    parts += ["\n".join(_table(section)) for section in sections(report)]
    parts += [f"- {_escape(note, 500)}" for note in report.notes]
    end = " · ".join((spent(report), f"provider {report.provider}", report.created_at))
    parts.append(f"<sub>{_escape(end, 600)}</sub>")
    return "\n\n".join(parts) + "\n"


def _table(section: Section) -> Iterator[str]:
    yield f"### {_escape(section.title)}"
    yield ""
    if section.rows:
        yield f"| {' | '.join(_escape(head) for head in section.heads)} |"
        rules = ("---:" if i in section.right else "---" for i in range(len(section.heads)))
        yield f"| {' | '.join(rules)} |"
        for row in section.rows:
            yield f"| {' | '.join(_escape(cell) for cell in row)} |"
    for remark in section.remarks:
        yield ""
        yield _escape(remark, 600)


def _escape(text: str, limit: int = 200) -> str:
    """Return text of any origin on one line, so that Markdown sees nothing but text."""
    return _ACTIVE.sub(
        lambda m: f"&#{ord(m.group())};" if m.group() else "\u200b", one_line(text, limit)
    )
