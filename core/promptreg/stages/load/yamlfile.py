"""YAML, built from parser events: no tags, no aliases, and only the scalars that JSON knows.

Values are read by the YAML 1.2 core rules. Under the older rules of most loaders `12:30` is the
number 750 and `no` is false; in a prompt that would be an invented value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from promptreg.errors import DataError, UsageError
from promptreg.stages.load.jsonfile import MAX_DEPTH, rows_of
from promptreg.stages.load.table import Table
from promptreg.stages.load.text import read_text

__all__ = ["MAX_YAML_BYTES", "parse_yaml", "read_yaml"]

MAX_YAML_BYTES = 20 * 1024 * 1024
_INT = re.compile(r"[-+]?[0-9]{1,4000}\Z")
_FLOAT = re.compile(
    r"[-+]?(?:\.[0-9]{1,400}|[0-9]{1,400}(?:\.[0-9]{0,400})?)(?:[eE][-+]?[0-9]{1,5})?\Z"
)
_WORDS: dict[str, Any] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
    ".nan": None, ".NaN": None, ".NAN": None,
}  # fmt: skip
_STR_TAG = "tag:yaml.org,2002:str"


def read_yaml(path: Path) -> Table:
    """Read a list of mappings, or a mapping whose `scenarios` is one."""
    return rows_of(parse_yaml(read_text(path, MAX_YAML_BYTES), str(path)), Table(path))


def parse_yaml(text: str, where: str, error: type[UsageError] = DataError) -> Any:
    """Return the value of a YAML text of one document.

    Raises:
        UsageError: of the given type: not valid, an alias, a tag, a key twice, nested too deeply.
    """
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return _Builder(where, error).build(yaml.parse(text, Loader=loader))
    except (yaml.YAMLError, RecursionError, ValueError) as e:
        raise error(f"{where}: no valid YAML: {e}") from e


class _Builder:
    """Turns events into values without recursion."""

    def __init__(self, where: str, error: type[UsageError]) -> None:
        self.where = where
        self.error = error

    def build(self, events: Iterator[Any]) -> Any:
        root: list[Any] = []
        # Each open collection: (container, key that waits for its value or `_NO_KEY`).
        stack: list[list[Any]] = [[root, _NO_KEY]]
        for event in events:
            kind = type(event).__name__
            if kind == "ScalarEvent":
                self._put(stack, self._scalar(event), event)
            elif kind in ("MappingStartEvent", "SequenceStartEvent"):
                if event.tag not in (None, "!") and not event.implicit:
                    raise self._wrong(event, f"the tag {event.tag} is not allowed")
                if event.anchor is not None:
                    raise self._wrong(event, "anchors and aliases are not allowed")
                if len(stack) > MAX_DEPTH:
                    raise self._wrong(event, f"nested deeper than {MAX_DEPTH} levels")
                new: Any = {} if kind == "MappingStartEvent" else []
                self._put(stack, new, event)
                stack.append([new, _NO_KEY])
            elif kind in ("MappingEndEvent", "SequenceEndEvent"):
                stack.pop()
            elif kind == "AliasEvent":
                raise self._wrong(event, "anchors and aliases are not allowed")
            elif kind == "DocumentStartEvent" and root:
                raise self._wrong(event, "only one document is allowed")
        return root[0] if root else None

    def _put(self, stack: list[list[Any]], value: Any, event: Any) -> None:
        top = stack[-1]
        container, key = top
        if isinstance(container, list):
            container.append(value)
        elif key is _NO_KEY:
            if isinstance(value, (dict, list)):
                raise self._wrong(event, "a key must be text")
            name = event.value
            if name in container:
                raise self._wrong(event, f"the key {name!r:.80} appears twice")
            top[1] = name
        else:
            container[key] = value
            top[1] = _NO_KEY

    def _scalar(self, event: Any) -> Any:
        text: str = event.value
        if event.anchor is not None:
            raise self._wrong(event, "anchors and aliases are not allowed")
        if event.tag == _STR_TAG or event.style in ("'", '"', "|", ">"):
            if event.tag not in (None, "!", _STR_TAG):
                raise self._wrong(event, f"the tag {event.tag} is not allowed")
            return text
        if event.tag not in (None, "!"):
            raise self._wrong(event, f"the tag {event.tag} is not allowed")
        if text in _WORDS:
            return _WORDS[text]
        if _INT.match(text):
            return int(text)
        return float(text) if _FLOAT.match(text) else text

    def _wrong(self, event: Any, message: str) -> UsageError:
        return self.error(f"{self.where}: line {event.start_mark.line + 1}: {message}")


_NO_KEY = object()
