"""The columns of a run's table."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from promptreg.errors import StoreError

if TYPE_CHECKING:
    import pyarrow as pa

    from promptreg.store.arrow import Column

__all__ = ["BASE", "base_columns", "dictionary_columns", "json_text", "schema"]

BASE: tuple[tuple[str, str], ...] = (
    ("scenario_id", "string"),
    ("family", "string"),
    ("repeat", "int32"),
    ("key", "string"),
    ("prompt", "string"),
    ("prompt_sha256", "string"),
    ("text", "string"),
    ("thinking", "string"),
    ("finish", "category"),
    ("model", "category"),
    ("latency_s", "double"),
    ("prompt_tokens", "int64"),
    ("completion_tokens", "int64"),
    ("cost", "double"),
    ("cached", "bool"),
    ("attempts", "int32"),
    ("error_cause", "category"),
    ("error_detail", "string"),
    ("error_status", "int32"),
    ("error_duration_s", "double"),
    ("answer", "string"),
    ("findings", "words"),
    ("effective", "string"),
    ("effective_rules", "words"),
    ("votes", "string"),
)
"""Name and type of the columns every run has; `answer` and `effective` are JSON text.

So is `votes`: by metric the opinions behind a score, and what was said (`note`); null for none.
"""

_encode = json.JSONEncoder(ensure_ascii=False, default=repr).encode


def json_text(fields: Mapping[str, Any], where: str) -> str:
    """Return an answer's fields as JSON text.

    Raises:
        StoreError: they are nested too deeply or in a circle.
    """
    try:
        return _encode(fields if type(fields) is dict else dict(fields))
    except (ValueError, TypeError, RecursionError) as error:
        raise StoreError(f"the answer of {where} cannot be written as JSON: {error}") from error


def schema(
    attributes: Sequence[str], metrics: Sequence[str], payloads: Collection[str] = ()
) -> pa.Schema:
    """Return the columns of a run with these attributes and metrics.

    `score.NAME` holds values that were scored, `worst.NAME` what a failed trial counts as,
    `outcome.NAME` the `Outcome`, and `reason.NAME` why a scorer could not judge. Of metrics that
    have payloads `payload.NAME` holds them.
    """
    import pyarrow as pa

    types = {
        "string": pa.string(),
        "category": pa.string(),
        "words": pa.list_(pa.string()),
        "int32": pa.int32(),
        "int64": pa.int64(),
        "double": pa.float64(),
        "bool": pa.bool_(),
    }
    columns = [pa.field(name, types[kind]) for name, kind in BASE]
    columns += [pa.field(f"attr.{name}", pa.string()) for name in attributes]
    for name in metrics:
        columns += [
            pa.field(f"score.{name}", pa.float64()),
            pa.field(f"worst.{name}", pa.float64()),
            pa.field(f"outcome.{name}", pa.uint8()),
            pa.field(f"reason.{name}", pa.string()),
        ]
        if name in payloads:
            columns.append(pa.field(f"payload.{name}", pa.string()))
    return pa.schema(columns)


def dictionary_columns(attributes: Sequence[str]) -> list[str]:
    """Return the columns of few different values, which are worth a dictionary."""
    categories = [name for name, kind in BASE if kind == "category"]
    return [*categories, *(f"attr.{name}" for name in attributes)]


def base_columns(rows: Sequence[tuple[Any, ...]], attributes: Sequence[str]) -> list[Column]:
    """Return a group of trials as Arrow arrays.

    Args:
        rows: per trial the values of `BASE`, then of the attributes.
        attributes: their names.

    Raises:
        StoreError: a value is not of its column's type.
    """
    from promptreg.store.arrow import column

    kinds = [*BASE, *((f"attr.{name}", "category") for name in attributes)]
    arrays = []
    for (name, kind), values in zip(kinds, zip(*rows, strict=True), strict=True):
        try:
            arrays.append(column(kind, values))
        except (TypeError, OverflowError) as error:
            raise StoreError(f"column {name!r} of a run cannot be stored: {error}") from error
    return arrays
