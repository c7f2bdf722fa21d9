"""What the API sends, as models: the OpenAPI document is made of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue

from promptreg_plugins.web.model import JobKind, JobState

__all__ = [
    "Diff",
    "Health",
    "JobOut",
    "Listing",
    "Plugin",
    "Problem",
    "Run",
    "Scenario",
    "Suite",
    "Template",
    "Text",
    "Trend",
    "TrendPoint",
    "Trial",
    "Version",
]

T = TypeVar("T")


def _plain(value: Any) -> Any:
    """Return what JSON can say of a value: scenarios come from any kind of file."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(one) for one in value]
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    return str(value)


Json = Annotated[JsonValue, BeforeValidator(_plain)]


class _Out(BaseModel):
    model_config = ConfigDict(from_attributes=True, extra="forbid", ser_json_inf_nan="null")


class Problem(BaseModel):
    """A refusal (RFC 9457)."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "type": "urn:promptreg:problem:not-found",
                    "title": "Not found",
                    "status": 404,
                    "detail": "no suite is called 'hom'; there is: home_security",
                    "instance": "/api/v1/suites/hom",
                    "request_id": "9f2c4be0f6f24f2db8b7a7a3c4f4f9d1",
                    "field": "suite",
                }
            ]
        },
    )

    type: str = Field(description="The kind of refusal; the same for all of a kind.")
    title: str = Field(description="The kind in words; the same for all of a kind.")
    status: int = Field(description="The HTTP status.", ge=400, le=599)
    detail: str = Field(description="What was found, where, and what is allowed.")
    instance: str = Field(description="The path that was asked for.")
    request_id: str = Field(description="Names the request in the service's log.")
    field: str | None = Field(None, description="The part of the request that is at fault.")
    errors: list[FieldProblem] | None = Field(
        None, description="Each part that is at fault, where there are several."
    )


class FieldProblem(BaseModel):
    """What is wrong with one part of a request."""

    model_config = ConfigDict(extra="forbid")

    field: str = Field(description="Where: `options.alpha`, `query.limit`.")
    message: str = Field(description="What is wrong.")
    allowed: JsonValue = Field(None, description="What is allowed, where that can be listed.")


class Listing(_Out, Generic[T]):
    """A part of a list."""

    items: list[T]
    total: int = Field(description="Items in all.", ge=0)
    offset: int = Field(description="Index of the first item here.", ge=0)
    limit: int = Field(description="Items asked for at the most.", ge=1)


class Version(_Out):
    """One label of a template."""

    label: str = Field(examples=["v1"])
    hash: str | None = Field(description="SHA-256 of the text (hex); null if it cannot be read.")
    engine: str = Field(examples=["format"])
    source: str = Field(description="Where the suite takes the text from.")
    problem: str | None = Field(None, description="Why the text cannot be read.")


class Template(_Out):
    """A template of a suite."""

    name: str = Field(examples=["basic"])
    versions: list[Version]
    aliases: dict[str, str] = Field(description="Alias to label or hash, from the journal.")


class Suite(_Out):
    """A suite that is served."""

    name: str = Field(examples=["home_security"])
    file: str
    provider: str = Field(description="Who answers.")
    templates: list[Template]
    scenarios: int = Field(description="How many there are.", ge=0)
    attributes: dict[str, list[str]] = Field(
        description="Attribute to its values: what can filter and slice."
    )
    metrics: list[str]
    problem: str | None = Field(None, description="Why the suite cannot be opened.")


class Text(_Out):
    """The text of a version. It is data: nothing in it was executed or filled in."""

    suite: str
    template: str
    ref: str = Field(description="The reference that was asked for.")
    hash: str = Field(description="SHA-256 of the text (hex).")
    text: str


class Diff(_Out):
    """How two versions of a template differ."""

    suite: str
    template: str
    baseline: str
    candidate: str
    same: bool
    lines: list[str] = Field(description="A unified diff; empty if both are the same.")


class Scenario(_Out):
    """One scenario."""

    id: str
    attributes: dict[str, str]
    variables: dict[str, Json] = Field(description="What templates can name.")
    ground_truth: dict[str, Json] = Field(description="What is known right.")
    images: list[str] = Field(description="Names of image files.")


class Run(_Out):
    """A stored run: all trials of one template version."""

    id: str = Field(examples=["basic-v1-9ec9c47e25"])
    template: str | None
    label: str | None
    created_at: datetime | None
    scenarios: int | None
    repeats: int | None
    failed: int | None = Field(description="Trials without a readable answer.")
    partial: bool | None = Field(description="Whether it holds only a part of the suite.")
    synthetic: bool | None = Field(description="Whether a scripted provider answered.")
    problem: str | None = Field(None, description="Why the run cannot be read.")


class Trial(_Out):
    """What was sent, what came back, how it scored. `text` and `answer` are a model's words."""

    run_id: str
    scenario_id: str
    repeat: int = Field(ge=0)
    attributes: dict[str, str]
    text: str | None = Field(description="The completion; null where the call failed.")
    answer: dict[str, Json] | None = Field(description="What was read from it.")
    failure: str | None = Field(description="The cause and its words; null if answered.")
    scores: dict[str, float | None] = Field(description="Metric to score; null: unscored.")
    unscored: dict[str, str] = Field(description="Metric to why there is no score.")
    latency_s: float | None
    prompt_tokens: int | None
    completion_tokens: int | None
    prompt: str | None = Field(description="Exactly what was sent; null in lists.")


class RequestOut(_Out):
    """What was asked for."""

    kind: JobKind
    suite: str
    refs: list[str]
    options: dict[str, Json]


class JobOut(_Out):
    """A comparison, gate or run that somebody asked for, and what became of it."""

    id: str = Field(description="A UUID.", examples=["0b6f4a52-7c39-4f0e-9f5f-3f1c2a77d101"])
    request: RequestOut
    state: JobState
    by: str = Field(description="The name of the token that asked.")
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    attempts: int = Field(description="How often it was started.", ge=0)
    done: int = Field(description="Trials that are done.", ge=0)
    planned: int | None = Field(description="Trials in all; null until that is known.")
    cached: int = Field(ge=0)
    failed: int = Field(ge=0)
    verdict: Literal["pass", "fail", "inconclusive"] | None
    headline: str | None = Field(description="The decision in one sentence.")
    exit_code: int | None = Field(description="As of the command line.")
    problem: str | None = Field(description="What stopped it.")
    run_ids: list[str] = Field(description="Stored runs it made or used, baseline first.")
    artifacts: list[str] = Field(description="What can be fetched.")


class TrendPoint(_Out):
    """A metric in one finished job."""

    at: str
    template: str | None
    label: str | None
    share: bool = Field(False, description="Whether value, low and high are shares, 0 to 1.")
    value: float | None
    low: float | None
    high: float | None
    verdict: str | None
    job_id: str | None


class Trend(_Out):
    """A metric over the finished jobs of a suite, the oldest first."""

    suite: str
    metric: str
    points: list[TrendPoint]


class Plugin(_Out):
    """A registered plug-in, or a broken one."""

    kind: str = "unknown"
    name: str = ""
    distribution: str | None = None
    problem: str | None = Field(None, description="Why it cannot be used.")


class Health(_Out):
    """Whether the service works."""

    status: Literal["ok", "unavailable"]
    parts: dict[str, str] = Field(description='Part to "ok" or what is wrong with it.')


Problem.model_rebuild()
