"""Columns and models as plain data become Data Designer's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import data_designer.config as dd
import pandas as pd

from promptreg_plugins.generators.data_designer.worker.asking import MARK

__all__ = ["build", "providers", "run_config"]

Facts = Mapping[str, Any]


def providers(job: Facts) -> list[dd.ModelProvider]:
    """Return the endpoints; keys are named here, and read by Data Designer's own resolver."""
    return [
        dd.ModelProvider(
            name=p["name"], endpoint=p["endpoint"], provider_type="openai", api_key=p["key"]
        )
        for p in job["providers"]
    ]


def run_config(job: Facts) -> dd.RunConfig:
    """Return how to run: a row is a group, so that a lost row takes no other with it."""
    return dd.RunConfig(
        buffer_size=1,
        max_concurrent_row_groups=max(2, 2 * job["parallel"]),
        disable_early_shutdown=True,
        max_conversation_restarts=0,
        max_conversation_correction_steps=job["corrections"],
        otel_metrics_port=None,
        progress_interval=3600.0,
    )


def build(job: Facts, rows: Sequence[Facts]) -> dd.DataDesignerConfigBuilder:
    """Return the configuration for some rows."""
    models = [_model(c, job) for c in job["columns"] if c["kind"] != "expression"]
    # It refuses a set without any model, such as one of expressions alone.
    builder = dd.DataDesignerConfigBuilder(model_configs=models)
    frame = pd.DataFrame([{"slot": row["slot"], **row["values"]} for row in rows])
    builder.with_seed_dataset(dd.DataFrameSeedSource(df=frame))
    for column in job["columns"]:
        builder.add_column(_column(column))
    return builder


def _model(column: Facts, job: Facts) -> dd.ModelConfig:
    """Return a model of its own for a column: a response schema goes with a model."""
    mark = {"column": column["name"], "how": column["how"], "schema": column["schema"]}
    return dd.ModelConfig(
        alias=column["name"],
        model=column["model"],
        provider=column["provider"],
        inference_parameters=dd.ChatCompletionInferenceParams(
            **column["sampling"],
            max_parallel_requests=job["parallel"],
            timeout=job["timeout"],
            extra_body={**column["extra_body"], MARK: mark},
        ),
        skip_health_check=True,
    )


def _column(column: Facts) -> Any:
    name, kind = column["name"], column["kind"]
    if kind == "expression":
        return dd.ExpressionColumnConfig(
            name=name, expr=column["expression"], dtype=column["dtype"], propagate_skip=False
        )
    given: dict[str, Any] = {
        "name": name,
        "prompt": column["prompt"],
        "model_alias": name,
        "propagate_skip": False,
    }
    if column["skip"]:
        given["skip"] = dd.SkipConfig(when=column["skip"])
    if column["image"]:
        given["multi_modal_context"] = [dd.ImageContext(column_name=column["image"])]
    if kind == "structured":
        return dd.LLMStructuredColumnConfig(**given, output_format=dict(column["schema"]))
    if kind == "judge":
        scores = [
            dd.Score(
                name=s["name"],
                description=s["question"],
                options={int(k): text for k, text in s["anchors"].items()},
            )
            for s in column["scores"]
        ]
        return dd.LLMJudgeColumnConfig(**given, scores=scores)
    return dd.LLMTextColumnConfig(**given)
