"""What the API takes, as models: whatever else a body says is refused."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StrictBool

from promptreg_plugins.web.model import JobKind, JobRequest

__all__ = ["CompareBody", "Options", "RunBody", "RunOptions"]


# As the service has them: no control characters, and nothing that could pass for an option.
_PLAIN = r"^[^\s\x00-\x1f\x7f-\x9f-][^\x00-\x1f\x7f-\x9f]{0,199}$"
_NAME = r"^[^\s\x00-\x1f\x7f-\x9f=-][^\x00-\x1f\x7f-\x9f=]{0,99}$"
Word = Annotated[str, Field(min_length=1, max_length=200, pattern=_PLAIN)]
Attribute = Annotated[str, Field(min_length=1, max_length=100, pattern=_NAME)]
Ref = Annotated[
    str,
    Field(
        min_length=1,
        max_length=200,
        pattern=_PLAIN,
        description="A label (`v1`), an alias, `template@label`, `template@sha256:HEX` or "
        "`run:ID`. Files and addresses are refused.",
    ),
]
_BUDGET = r"^[0-9]{1,15}(\.[0-9]{1,6})?(calls|tokens|usd)?$"


class RunOptions(BaseModel):
    """Options of the command of the same name; what is left out is as the suite says."""

    model_config = ConfigDict(extra="forbid")

    template: list[Word] | None = Field(
        default=None,
        min_length=1,
        max_length=50,
        description="Only these templates.",
        examples=[["basic"]],
    )
    where: dict[Attribute, Word] | None = Field(
        default=None,
        max_length=20,
        description="Only scenarios with these attribute values.",
        examples=[{"scenario_type": "threat"}],
    )
    limit: int | None = Field(
        default=None,
        strict=True,
        ge=1,
        le=10_000_000,
        description="Only so many scenarios, a seeded sample.",
    )
    repeats: int | None = Field(
        default=None, strict=True, ge=1, le=1_000, description="How often each is asked."
    )
    seed: int | None = Field(
        default=None, strict=True, ge=0, le=2**31 - 1, description="Of order and resampling."
    )
    budget: str | None = Field(
        default=None,
        max_length=40,
        pattern=_BUDGET,
        description="Stop before spending more: `500` (calls), `200000tokens`, `5usd`.",
        examples=["500"],
    )
    record: StrictBool | None = Field(
        default=None,
        description="Whether the history is told at once; else it waits in the outbox.",
    )
    no_cache: StrictBool | None = Field(default=None, description="Ask everything anew.")

    def plain(self) -> dict[str, Any]:
        """Return what was said, and nothing else."""
        return self.model_dump(exclude_none=True)


class Options(RunOptions):
    """Options of `compare` and `gate`; what is left out is as the suite says."""

    margin: dict[Attribute, Annotated[float, Field(gt=0, le=1e9, strict=True)]] | None = Field(
        default=None,
        min_length=1,
        max_length=50,
        description="Metric to the largest worsening accepted, in the metric's unit.",
        examples=[{"in_range": 0.05}],
    )
    alpha: float | None = Field(
        default=None, strict=True, ge=0.001, le=0.499, description="Error level."
    )
    sequential: StrictBool | None = Field(
        default=None, description="Stop as soon as the data decide."
    )
    looks: int | None = Field(
        default=None,
        strict=True,
        ge=1,
        le=100,
        description="Looks at the most; not with `sequential: false`.",
    )
    anytime: StrictBool | None = Field(
        default=None, description="Accuse by e-processes, which any number of looks may share."
    )
    strict: StrictBool | None = Field(
        default=None,
        description="The same, and judge bounded scores whatever their distribution.",
    )
    allow_mismatch: list[Word] | None = Field(
        default=None,
        min_length=1,
        max_length=20,
        description="Compare although these fingerprints differ; reports say so.",
        examples=[["scorers"]],
    )


class CompareBody(BaseModel):
    """Two versions to be compared."""

    model_config = ConfigDict(extra="forbid")

    suite: Word = Field(description="Name of a suite.", examples=["home_security"])
    options: Options = Options()
    baseline: Ref = Field(examples=["v1"])
    candidate: Ref = Field(examples=["v2"])

    def job(self, kind: JobKind) -> JobRequest:
        """Return the request as the service takes it."""
        return JobRequest(kind, self.suite, (self.baseline, self.candidate), self.options.plain())


class RunBody(BaseModel):
    """Versions to be run."""

    model_config = ConfigDict(extra="forbid")

    refs: list[Ref] = Field(min_length=1, max_length=50, examples=[["v1"]])
    options: RunOptions = RunOptions()

    def job(self, suite: str) -> JobRequest:
        """Return the request as the service takes it."""
        return JobRequest(JobKind.RUN, suite, tuple(self.refs), self.options.plain())
