"""A plan of a comparison as it is told, by API and pages."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["PlanOut"]


class _Part(BaseModel):
    # Whoever plans is of the same release, and may say more than is promised here.
    model_config = ConfigDict(
        extra="ignore", json_schema_extra={"additionalProperties": False}, ser_json_inf_nan="null"
    )


class PlannedVersion(_Part):
    """One version's share of the work."""

    template: str
    label: str
    provider: str = Field("", description="Its provider's name, where the suite has several.")
    scenarios: int
    trials: int
    cached: int = Field(description="Trials that are answered already.")
    prompt_tokens: int = Field(description="Of the calls to make.")
    completion_tokens: int | None = Field(description="Of the calls to make; null if unknown.")
    measured: bool = Field(description="Whether tokens are known from stored completions.")


class PlannedModel(_Part):
    """What a scorer will ask of models besides."""

    scorer: str
    models: list[str]
    calls: int = Field(description="Still to make, at the most.")
    cached: int = Field(description="Verdicts that are stored already.")
    prompt_tokens: int | None
    completion_tokens: int | None
    cost: float | None
    measured: bool


class Detectable(_Part):
    """The smallest change of a metric that would be seen with 80 % power."""

    template: str
    metric: str
    unit: str
    binary: bool
    n_scenarios: int
    n_clusters: int
    margin: float
    change: float | None
    scenarios_for_margin: int


class PlanOut(_Part):
    """What a comparison would cost and could see."""

    suite: str
    provider: str
    trials: int
    cached: int = Field(description="Trials that are answered already.")
    calls: int = Field(description="Calls to make by the provider.")
    model_calls: int = Field(description="Calls to make by scorers besides, at the most.")
    cost: float | None = Field(description="Of `calls`, by the suite's prices; null if unknown.")
    versions: list[PlannedVersion]
    models: list[PlannedModel]
    detectable: list[Detectable]
    notes: list[str]
