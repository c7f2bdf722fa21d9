"""The suite file: what it may say, and clear errors for what it may not.

This module knows the file's shape only. It opens no data file, imports no plug-in and makes no
decision; settings of plug-ins are handed on untouched and checked by the plug-in's own signature.
"""

from __future__ import annotations

import os
import re
import tomllib
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from promptreg.errors import SuiteError, did_you_mean

__all__ = [
    "AnswerEntry",
    "FieldRule",
    "GateEntry",
    "GuardEntry",
    "LimitEntry",
    "ProviderEntry",
    "ScorerEntry",
    "Suite",
    "TemplateEntry",
    "TimeoutEntry",
    "find_suite",
    "load_suite",
    "parse_suite",
]

DEFAULT_FILE = "promptreg.yaml"
MAX_SUITE_BYTES = 256_000
_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}\Z")
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")


def _name(value: str) -> str:
    if not _LABEL.match(value):
        raise ValueError("must be 1-64 letters, digits, '.', '_', '+' or '-', the first no sign")
    return value


Name = Annotated[str, AfterValidator(_name)]
Scalar = str | int | float | bool


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Open(BaseModel):
    """Takes a plug-in's settings besides its own keys."""

    model_config = ConfigDict(extra="allow", frozen=True)

    @property
    def settings(self) -> dict[str, Any]:
        """The keys that belong to the plug-in."""
        return dict(self.model_extra or {})


class TemplateEntry(_Strict):
    """A template and its labelled versions."""

    engine: Literal["format", "jinja", "raw"] = "format"
    versions: dict[Name, str] = Field(default_factory=dict)
    """Label to source: a text file, `module:CONSTANT`, `file.yaml#key.path`, `git:REV:path`."""
    optional: tuple[str, ...] = ()
    """Variables that may be left unused by some version without a finding."""


class TimeoutEntry(_Strict):
    """Seconds a call may take."""

    connect: float = Field(default=10.0, gt=0)
    read: float = Field(default=120.0, gt=0)
    total: float | None = Field(default=None, gt=0)
    """All attempts and waits together; default: (retries + 1) x read, and the waits between."""


class ProviderEntry(_Open):
    """Which provider answers, and how calls are made. Other keys are the provider's settings."""

    use: str
    concurrency: int = Field(default=2, ge=1, le=1024)
    retries: int = Field(default=3, ge=0, le=20)
    timeout: TimeoutEntry = TimeoutEntry()
    warm_up: bool = True
    """Let a provider that can make one tiny call before the first trial, so that no trial pays
    for a cold server."""
    requests_per_minute: float | None = Field(default=None, gt=0)
    prices: dict[Literal["prompt", "completion"], float] | None = None
    """Cost of one million tokens, for `cost`, `plan` and budgets."""

    @field_validator("timeout", mode="before")
    @classmethod
    def _seconds(cls, value: Any) -> Any:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return {"read": value}
        return value


class FieldRule(_Strict):
    """What a field of the answer must be."""

    type: Literal["integer", "number", "string", "boolean", "array", "object", "any"] = "any"
    minimum: float | None = None
    maximum: float | None = None
    enum: tuple[Scalar, ...] | None = None
    max_length: int | None = Field(default=None, ge=0)


class AnswerEntry(_Strict):
    """How an answer is read from a completion."""

    parser: Literal["json", "text"] = "json"
    require: tuple[str, ...] = ()
    fields: dict[str, FieldRule] = Field(default_factory=dict)
    """Rules by field; `risk_score` (integer 0-100), `risk_level` (low, medium, high, critical),
    `summary` and `reasoning` (strings) have rules of their own unless given here."""
    fallback: tuple[str, ...] = ("Analysis unavailable",)
    """A `summary` that begins so is a service's stand-in, not an answer."""
    effective: bool = False
    """Also score what the production rules (clamp, coerce, infer, fall back) would have shown."""


class ScorerEntry(_Open):
    """A scorer and its settings."""

    use: str


class GuardEntry(_Strict):
    """A metric on a slice that gates: a metric of its own in the family of tests."""

    metric: str
    where: dict[str, Scalar] = Field(default_factory=dict)
    margin: float | None = Field(default=None, gt=0)


class LimitEntry(_Strict):
    """An absolute limit on the candidate."""

    at_least: float | None = None
    at_most: float | None = None

    @model_validator(mode="after")
    def _one(self) -> LimitEntry:
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError("needs exactly one of 'at_least' and 'at_most'")
        return self


class GateEntry(_Strict):
    """The policy."""

    alpha: float = Field(default=0.05, gt=0, lt=0.5)
    prove: tuple[str, ...] = ("overall",)
    overall: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Blocks of the composite: name to metrics; default: every bounded quality metric, one block
    per scorer."""
    weights: dict[str, float] = Field(default_factory=dict)
    """Weight of a block; 1 unless given."""
    margins: dict[str, Annotated[float, Field(gt=0)]] = Field(default_factory=dict)
    slices: tuple[str, ...] = ()
    """Attributes whose values are shown as slices; they never gate."""
    guard: tuple[GuardEntry, ...] = ()
    limits: dict[str, LimitEntry] = Field(default_factory=dict)
    inconclusive: Literal["block", "allow"] = "block"
    """What the exit code of an inconclusive gate is: 3, or 0."""
    exact: bool = False
    """Count ties in full (guaranteed level, less power) instead of by half."""
    draws: int = Field(default=9999, ge=999, le=999_999)

    @field_validator("alpha")
    @classmethod
    def _alpha_resolvable(cls, value: float) -> float:
        if value < 0.001:
            raise ValueError("must be at least 0.001; resampling cannot resolve less")
        return value


class Suite(_Strict):
    """A suite: templates, scenarios, provider, scorers and policy."""

    suite: Name
    scenarios: str
    cluster: str | None = None
    attributes: tuple[str, ...] | None = None
    """Columns to slice by; default: every column of few distinct words, numbers or booleans."""
    templates: dict[Name, TemplateEntry] = Field(min_length=1)
    select: dict[Name, dict[str, Scalar | tuple[Scalar, ...]]] = Field(default_factory=dict)
    provider: ProviderEntry
    answer: AnswerEntry = AnswerEntry()
    repeats: int = Field(default=1, ge=1, le=1000)
    seed: int = Field(default=0, ge=0, lt=2**63)
    scorers: tuple[ScorerEntry, ...] = ()
    gate: GateEntry = GateEntry()
    clock: str | None = None
    """What the template variable `now` says; a running clock is never put into a prompt."""
    allow_role_tokens: bool = False
    """Send values that hold role tokens such as `<|im_end|>` as they are, instead of refusing."""
    store: str = ".promptreg"

    @model_validator(mode="after")
    def _known_templates(self) -> Suite:
        for name in self.select:
            if name not in self.templates:
                known = sorted(self.templates)
                raise ValueError(
                    f"select names the template {name!r}{did_you_mean(name, known)}; "
                    f"there are: {', '.join(known)}"
                )
        return self


def find_suite(given: str | None, start: Path | None = None) -> Path:
    """Return the suite file: the given one, or the nearest upward.

    Raises:
        SuiteError: there is none.
    """
    if given is not None:
        path = Path(given)
        if path.is_dir():
            path = path / DEFAULT_FILE
        if not path.is_file():
            raise SuiteError(f"no suite file at {path}; 'promptreg init' makes one")
        return path
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        for name in (DEFAULT_FILE, "promptreg.yml"):
            if (folder / name).is_file():
                return folder / name
        project = folder / "pyproject.toml"
        if project.is_file() and "[tool.promptreg]" in project.read_text("utf-8", "replace"):
            return project
    raise SuiteError(
        f"no {DEFAULT_FILE} in {here} or above, and no [tool.promptreg] in a pyproject.toml; "
        "'promptreg init' makes one, -c names one"
    )


def load_suite(path: Path) -> Suite:
    """Read and check a suite file.

    Raises:
        SuiteError: the file cannot be read, or says something it may not.
    """
    try:
        if path.stat().st_size > MAX_SUITE_BYTES:
            raise SuiteError(f"{path}: larger than {MAX_SUITE_BYTES} bytes")
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as e:
        raise SuiteError(f"{path}: cannot be read: {e}") from e
    return parse_suite(text, str(path), toml=path.suffix == ".toml")


def parse_suite(text: str, where: str, *, toml: bool = False) -> Suite:
    """Check the text of a suite file; `where` names it in messages.

    Raises:
        SuiteError: with file, field, value and what is allowed.
    """
    if toml:
        try:
            data: Any = tomllib.loads(text).get("tool", {}).get("promptreg")
        except tomllib.TOMLDecodeError as e:
            raise SuiteError(f"{where}: no valid TOML: {e}") from e
    else:
        data = _yaml(text, where)
    if not isinstance(data, dict):
        raise SuiteError(
            f"{where}: must be a mapping with the key 'suite', found {type(data).__name__}"
        )
    try:
        return Suite.model_validate(_expand(data, where))
    except ValidationError as e:
        raise SuiteError(_explain(e, where)) from e


def _yaml(text: str, where: str) -> Any:
    import yaml

    class Loader(yaml.SafeLoader):
        """Safe loader that refuses duplicate keys, and aliases (they multiply without bound)."""

        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(yaml.events.AliasEvent):
                raise yaml.YAMLError("aliases (*name) are not allowed in a suite file")
            return super().compose_node(parent, index)

        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            seen: set[Any] = set()
            for key_node, _ in node.value:
                key = self.construct_object(key_node, deep=True)
                if isinstance(key, (str, int)) and key in seen:
                    line = key_node.start_mark.line + 1
                    raise yaml.YAMLError(f"the key {key!r} appears twice (line {line})")
                if isinstance(key, (str, int)):
                    seen.add(key)
            return super().construct_mapping(node, deep=deep)

    try:
        return yaml.load(text, Loader=Loader)  # noqa: S506 - a subclass of the safe loader
    except (yaml.YAMLError, RecursionError, ValueError) as e:
        raise SuiteError(f"{where}: no valid YAML: {e}") from e


def _expand(value: Any, where: str) -> Any:
    """Replace `${NAME}` and `${NAME:-default}` by environment variables, in `url` and `path` only.

    Elsewhere a dollar stays a dollar: secrets are named (`api_key_env`), never written in.
    """
    if not isinstance(value, dict) or not isinstance(value.get("provider"), dict):
        return value
    provider = dict(value["provider"])
    for key in ("url", "path", "model"):
        text = provider.get(key)
        if isinstance(text, str):
            spot = f"{where}: provider.{key}"
            provider[key] = _VARIABLE.sub(partial(_environment, spot), text)
    return {**value, "provider": provider}


def _environment(spot: str, match: re.Match[str]) -> str:
    name, default = match.group(1), match.group(2)
    found = os.environ.get(name, default)
    if found is None:
        raise SuiteError(f"{spot} uses ${{{name}}}, which is not set")
    return found


def _explain(error: ValidationError, where: str) -> str:
    """Turn pydantic's findings into one line each: file, field, what is wrong, what is allowed."""
    lines = []
    for item in error.errors(include_url=False)[:8]:
        loc = [str(part) for part in item["loc"]]
        spot = ".".join(loc) or "suite"
        if item["type"] == "extra_forbidden":
            allowed = _allowed(loc[:-1])
            lines.append(
                f"{where}: {spot}: unknown key{did_you_mean(loc[-1], allowed)}"
                + (f"; allowed: {', '.join(allowed)}" if allowed else "")
            )
        elif item["type"] == "missing":
            lines.append(f"{where}: {spot}: is required")
        else:
            found = repr(item["input"])
            shown = found if len(found) <= 80 else found[:77] + "..."
            message = item["msg"].removeprefix("Value error, ")
            lines.append(f"{where}: {spot}: {message} (found {shown})")
    return "\n".join(lines)


def _allowed(loc: list[str]) -> list[str]:
    """Return the keys allowed at a place of the suite, as far as it is a model of ours."""
    places: dict[str, type[BaseModel]] = {
        "": Suite,
        "templates": TemplateEntry,
        "answer": AnswerEntry,
        "gate": GateEntry,
        "gate.guard": GuardEntry,
        "gate.limits": LimitEntry,
        "provider.timeout": TimeoutEntry,
        "answer.fields": FieldRule,
    }
    for spot in (".".join(loc), ".".join(loc[:-1])):
        if spot in places:
            return sorted(places[spot].model_fields)
    return []
