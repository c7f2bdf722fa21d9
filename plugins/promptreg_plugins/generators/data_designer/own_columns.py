"""The user's own columns, and what all entries of columns have in common."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from promptreg.errors import SuiteError, did_you_mean
from promptreg_plugins.generators.data_designer.columns import Column
from promptreg_plugins.generators.data_designer.models import Model

__all__ = ["check_keys", "read_alias", "read_most", "read_own", "read_prompt"]

_OWN_KEYS = {
    "text": ("prompt", "model", "max_tokens"),
    "structured": ("prompt", "model", "max_tokens", "schema"),
    "expression": ("expression", "type"),
    "values": ("values",),
}
_TYPES = ("str", "int", "float", "bool")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,59}\Z")


def read_own(
    entry: Any, where: str, models: Mapping[str, Model], taken: Collection[str]
) -> tuple[Column, Sequence[str] | None]:
    """Return an own column, and its values where they are drawn."""
    if not isinstance(entry, Mapping):
        raise SuiteError(f"{where}: must be a mapping, found {entry!r:.60}")
    name, kind = entry.get("name"), entry.get("kind")
    if not isinstance(name, str) or not _NAME.match(name):
        raise SuiteError(
            f"{where}.name: found {name!r:.60}; allowed: lower-case letters, digits and '_'"
        )
    if name in taken:
        raise SuiteError(f"{where}.name: there is a column {name!r} already")
    if kind not in _OWN_KEYS:
        raise SuiteError(f"{where}.kind: found {kind!r:.60}; allowed: {', '.join(_OWN_KEYS)}")
    check_keys(entry, ("name", "kind", *_OWN_KEYS[kind]), where)
    if kind == "values":
        values = entry.get("values")
        if not isinstance(values, list) or not values:
            raise SuiteError(
                f"{where}.values: must be a list of at least one, found {values!r:.60}"
            )
        if not all(isinstance(v, (str, int, float, bool)) for v in values):
            raise SuiteError(f"{where}.values: allowed are texts, numbers and booleans")
        return Column(name, kind, "", own=True), [str(v) for v in values]
    if kind == "expression":
        dtype = entry.get("type", "str")
        if dtype not in _TYPES:
            raise SuiteError(f"{where}.type: found {dtype!r:.60}; allowed: {', '.join(_TYPES)}")
        text = read_prompt(entry.get("expression"), f"{where}.expression")
        return Column(name, kind, text, dtype=dtype, own=True), None
    schema = entry.get("schema")
    if kind == "structured" and (not isinstance(schema, Mapping) or schema.get("type") != "object"):
        raise SuiteError(
            f"{where}.schema: must be a JSON schema of type object, found {schema!r:.60}"
        )
    column = Column(
        name,
        kind,
        read_prompt(entry.get("prompt"), f"{where}.prompt"),
        model=read_alias(entry.get("model", next(iter(models))), models, where),
        schema=schema,
        max_tokens=read_most(entry.get("max_tokens"), where),
        own=True,
    )
    return column, None


def check_keys(entry: Mapping[str, Any], allowed: Collection[str], where: str) -> None:
    """Raise SuiteError where an entry has a key that is not allowed."""
    for key in entry:
        if key not in allowed:
            raise SuiteError(
                f"{where}: unknown key {key!r}{did_you_mean(str(key), allowed)}; "
                f"allowed: {', '.join(allowed)}"
            )


def read_alias(value: Any, models: Mapping[str, Model], where: str) -> str:
    """Return the alias of a model that there is, or raise SuiteError."""
    if value not in models:
        raise SuiteError(
            f"{where}: no model has the alias {value!r:.60}{did_you_mean(str(value), models)}; "
            f"there are: {', '.join(models)}"
        )
    return str(value)


def read_prompt(value: Any, where: str) -> str:
    """Return a text that is not empty, or raise SuiteError."""
    if not isinstance(value, str) or not value.strip():
        raise SuiteError(f"{where}: must be a text, found {value!r:.60}")
    return value


def read_most(value: Any, where: str) -> int | None:
    """Return a number of tokens, or None, or raise SuiteError."""
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 100_000:
        raise SuiteError(f"{where}: max_tokens: found {value!r:.60}; allowed: 1 to 100,000")
    return value
