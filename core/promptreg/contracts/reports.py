"""What a report file must be, by its extension."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import NoReturn
from xml.etree import ElementTree

from promptreg.contracts.hostile import FORMULA
from promptreg.contracts.values import one_line

__all__ = ["content_problems"]

_TEXT = (".json", ".html", ".htm", ".md", ".txt", ".csv", ".tsv", ".xml", ".svg", ".jsonl")


def content_problems(data: bytes, ending: str) -> Iterator[str]:
    """Yield what is wrong with the bytes of a report; unknown extensions may hold anything.

    Text must be UTF-8 without terminal escapes and NUL; JSON must be strict, XML well-formed, and
    no cell may begin with a formula.
    """
    last = f".{ending.rsplit('.', 1)[-1]}"
    if last not in _TEXT:
        return
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as e:
        yield f"{ending} is not UTF-8: {one_line(e)}"
        return
    if "\x1b" in text:
        yield f"{ending} holds a terminal escape (ESC)"
    if "\0" in text:
        yield f"{ending} holds a NUL character"
    if last == ".json":
        yield from _json_problems(text, ending)
    elif last in (".xml", ".svg"):
        yield from _xml_problems(data, ending)
    elif last in (".csv", ".tsv"):
        yield from _cell_problems(text, ending, "," if last == ".csv" else "\t")


def _json_problems(text: str, ending: str) -> Iterator[str]:
    try:
        json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as e:
        yield f"{ending} is not strict JSON: {one_line(e)}"


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"it holds {constant}; use null where a number does not exist")


def _xml_problems(data: bytes, ending: str) -> Iterator[str]:
    try:
        ElementTree.fromstring(data)  # noqa: S314 - written by the reporter a moment ago
    except ElementTree.ParseError as e:
        yield f"{ending} is not well-formed XML: {one_line(e)}"


def _cell_problems(text: str, ending: str, delimiter: str) -> Iterator[str]:
    limit = csv.field_size_limit(len(text) + 1)
    try:
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        if any(cell.startswith(FORMULA[:6]) for row in rows for cell in row):
            yield f"{ending} has a cell that begins with '='; spreadsheets would run it"
    except csv.Error as e:
        yield f"{ending} cannot be read as a table: {one_line(e)}"
    finally:
        csv.field_size_limit(limit)
