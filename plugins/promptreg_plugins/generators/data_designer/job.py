"""What the worker is told: models, columns and limits first, then rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from promptreg.protocols import GenerationRequest
from promptreg.records import Json
from promptreg_plugins.generators.data_designer.columns import IMAGE, Column
from promptreg_plugins.generators.data_designer.estimate import Limits
from promptreg_plugins.generators.data_designer.models import Model
from promptreg_plugins.generators.data_designer.settings import Chosen

__all__ = ["column_facts", "job_columns", "make_job", "seed_row"]

_MOST_TOKENS = 512
"""Where neither column nor model says how long an answer may be: none is endless."""


def make_job(
    folder: Path,
    request: GenerationRequest,
    chosen: Chosen,
    models: Mapping[str, Model],
    limits: Limits,
) -> dict[str, Any]:
    """Return what the worker reads first; keys are named in it and nowhere given."""
    return {
        "folder": str(folder.resolve()),
        "providers": [
            {"name": m.alias, "endpoint": m.endpoint, "key": m.key or None} for m in models.values()
        ],
        "columns": job_columns(chosen, models),
        **limits.job(request.max_calls, request.max_tokens),
    }


def job_columns(chosen: Chosen, models: Mapping[str, Model]) -> list[dict[str, Any]]:
    """Return each column with all that Data Designer needs for it."""
    return [_job_column(column, models) for column in chosen.columns]


def seed_row(
    slot: str,
    base: Mapping[str, Any],
    image: Path | None,
    seed: int,
    chosen: Chosen,
    *,
    scene: bool,
) -> dict[str, Any]:
    """Return a row as the worker gets it: what prompts use of it, its schemas and its seed."""
    from promptreg_plugins.generators.data_designer.finishing import premise
    from promptreg_plugins.generators.data_designer.images import as_data
    from promptreg_plugins.generators.data_designer.schemas import row_schemas

    values: dict[str, Any] = {}
    for name in chosen.seeds:
        if name == "premise":
            values[name] = premise(base)
        elif name == IMAGE:
            values[name] = as_data(image) if image is not None else ""
        else:
            values[name] = _as_text(base.get(name))
    names = [column.name for column in chosen.columns]
    schemas = row_schemas(base, names) if scene else {}
    return {"slot": slot, "seed": seed, "values": values, "schemas": schemas}


def column_facts(column: Column) -> dict[str, Json]:
    """Return what shapes a column, for the generator's identity."""
    facts: dict[str, Json] = {"name": column.name, "kind": column.kind, "prompt": column.prompt}
    if column.model:
        facts["model"] = column.model
    if column.schema is not None:
        facts["schema"] = dict(column.schema)
    if column.max_tokens is not None:
        facts["max_tokens"] = column.max_tokens
    return facts


def _job_column(column: Column, models: Mapping[str, Model]) -> dict[str, Any]:
    facts: dict[str, Any] = {"name": column.name, "kind": column.kind}
    if column.kind == "expression":
        return {**facts, "expression": column.prompt, "dtype": column.dtype}
    model = models[column.model]
    sampling = dict(model.sampling)
    own = column.max_tokens or sampling.get("max_tokens", _MOST_TOKENS)
    sampling["max_tokens"] = int(min(own, sampling.get("max_tokens", own)))
    return {
        **facts,
        "prompt": column.prompt,
        "schema": column.schema,
        "skip": column.skip,
        "image": IMAGE if column.image else "",
        "scores": list(column.scores),
        "provider": model.alias,
        "model": model.model,
        "how": model.how,
        "sampling": sampling,
        "extra_body": dict(model.extra_body),
    }


def _as_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, Sequence):
        return "; ".join(str(one) for one in value)
    return str(value)
