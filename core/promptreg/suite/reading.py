"""The suite file on disk: found, read safely, and every mistake told in one line."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from promptreg.errors import SuiteError, did_you_mean
from promptreg.suite.entries import (
    AnswerEntry,
    FieldRule,
    GateEntry,
    GenerateEntry,
    GenerationFile,
    GuardEntry,
    LimitEntry,
    MoreEntry,
    ProviderEntry,
    SequentialEntry,
    Suite,
    TemplateEntry,
    TimeoutEntry,
)
from promptreg.suite.gate_parts import ShareEntry, SliceEntry

__all__ = [
    "DEFAULT_FILE",
    "find_suite",
    "load_generation",
    "load_suite",
    "parse_provider",
    "parse_suite",
]

M = TypeVar("M", bound=BaseModel)
DEFAULT_FILE = "promptreg.yaml"
MAX_SUITE_BYTES = 256_000
_SECRET = re.compile(r"(?:\A|_)(?:API_?KEY|KEY|TOKEN|SECRET|PASSWORD|PASSWD)\Z", re.IGNORECASE)
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")


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
    return parse_suite(_read(path), str(path), toml=path.suffix == ".toml")


def load_generation(path: Path) -> Suite | GenerationFile:
    """Read and check a file that says how scenarios are made: a suite, or `generate` alone.

    A file with templates or a provider is a suite, and checked as one.

    Raises:
        SuiteError: the file cannot be read, says something it may not, or has no `generate`.
    """
    text, where = _read(path), str(path)
    data = _data(text, where, toml=path.suffix == ".toml")
    if "generate" not in data:
        near = [repr(key) for key in data if did_you_mean(str(key), ["generate"])]
        found = f" (is {near[0]} meant to be it?)" if near else ""
        raise SuiteError(
            f"{where}: has no section 'generate'{found}; it says who "
            "makes the scenarios and where they go, such as generate: {use: grid, output: fixtures}"
        )
    if data.keys() & {"templates", "provider", "scenarios"}:
        return _model(Suite, _expand(data, where), where)
    return _model(GenerationFile, data, where)


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_SUITE_BYTES:
            raise SuiteError(f"{path}: larger than {MAX_SUITE_BYTES} bytes")
        return path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as e:
        raise SuiteError(f"{path}: cannot be read: {e}") from e


def parse_suite(text: str, where: str, *, toml: bool = False) -> Suite:
    """Check the text of a suite file; `where` names it in messages.

    Raises:
        SuiteError: with file, field, value and what is allowed.
    """
    return _model(Suite, _expand(_data(text, where, toml=toml), where), where)


def _data(text: str, where: str, *, toml: bool) -> dict[str, Any]:
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
    return data


def _model(kind: type[M], data: dict[str, Any], where: str) -> M:
    try:
        return kind.model_validate(data)
    except ValidationError as e:
        raise SuiteError(_explain(e, where, kind)) from e


def parse_provider(settings: Mapping[str, Any], where: str) -> ProviderEntry:
    """Check a provider that is named elsewhere than in the section `provider`: a scorer's model.

    Raises:
        SuiteError: with field, value and what is allowed; `where` names the place.
    """
    data = _expand({"provider": dict(settings)}, where)["provider"]
    try:
        return ProviderEntry.model_validate(data)
    except ValidationError as e:
        raise SuiteError(_explain(e, where, ProviderEntry)) from e


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

        def construct_scalar(self, node: Any) -> Any:
            """Join the pairs that JSON spells a sign as, which YAML takes for two signs."""
            value = super().construct_scalar(node)
            try:
                return value.encode("utf-16", "surrogatepass").decode("utf-16")
            except UnicodeDecodeError:
                line = node.start_mark.line + 1
                raise yaml.YAMLError(f"half of a surrogate pair (line {line})") from None

    try:
        return yaml.load(text, Loader=Loader)  # noqa: S506 - a subclass of the safe loader
    except (yaml.YAMLError, RecursionError, ValueError) as e:
        raise SuiteError(f"{where}: no valid YAML: {e}") from e


def _expand(value: Any, where: str) -> Any:
    """Replace `${NAME}` and `${NAME:-default}` by environment variables, in `url` and `path` only.

    Elsewhere a dollar stays a dollar: secrets are named (`api_key_env`), never written in.
    """
    if not isinstance(value, dict):
        return value
    found = dict(value)
    if isinstance(value.get("provider"), dict):
        found["provider"] = _expanded(value["provider"], f"{where}: provider")
    if isinstance(value.get("providers"), dict):
        found["providers"] = {
            name: _expanded(entry, f"{where}: providers.{name}")
            if isinstance(entry, dict)
            else entry
            for name, entry in value["providers"].items()
        }
    return found


def _expanded(provider: dict[str, Any], where: str) -> dict[str, Any]:
    found = dict(provider)
    for key in ("url", "path", "model"):
        text = provider.get(key)
        if isinstance(text, str):
            found[key] = _VARIABLE.sub(partial(_environment, f"{where}.{key}"), text)
    return found


def _environment(spot: str, match: re.Match[str]) -> str:
    name, default = match.group(1), match.group(2)
    if _SECRET.search(name):
        raise SuiteError(
            f"{spot} uses ${{{name}}}, by its name a secret, and what stands there is shown in "
            "reports; a key is only named: 'api_key_env'"
        )
    found = os.environ.get(name, default)
    if found is None:
        raise SuiteError(f"{spot} uses ${{{name}}}, which is not set")
    return found


_KINDS = {
    "tuple_type": "must be a list",
    "model_type": "must be a mapping",
    "dict_type": "must be a mapping",
    "finite_number": "must be a finite number",
}
"""What a value must be, in a suite file's words rather than Python's."""


def _explain(error: ValidationError, where: str, kind: type[BaseModel]) -> str:
    """Turn pydantic's findings into one line each: file, field, what is wrong, what is allowed."""
    lines = []
    for item in error.errors(include_url=False)[:8]:
        loc = [str(part) for part in item["loc"]]
        spot = ".".join(loc) or "suite"
        if item["type"] == "extra_forbidden":
            allowed = _allowed(loc[:-1], kind)
            lines.append(
                f"{where}: {spot}: unknown key{did_you_mean(loc[-1], allowed)}"
                + (f"; allowed: {', '.join(allowed)}" if allowed else "")
            )
        elif item["type"] == "missing":
            lines.append(f"{where}: {spot}: is required")
        else:
            found = repr(item["input"])
            shown = found if len(found) <= 80 else found[:77] + "..."
            message = _KINDS.get(item["type"]) or item["msg"].removeprefix("Value error, ")
            lines.append(f"{where}: {spot}: {message} (found {shown})")
    return "\n".join(lines)


def _allowed(loc: list[str], kind: type[BaseModel]) -> list[str]:
    """Return the keys allowed at a place of the suite, as far as it is a model of ours."""
    places: dict[str, type[BaseModel]] = {
        "": kind,
        "templates": TemplateEntry,
        "answer": AnswerEntry,
        "gate": GateEntry,
        "generate": GenerateEntry,
        "gate.guard": GuardEntry,
        "gate.limits": LimitEntry,
        "gate.more": MoreEntry,
        "gate.sequential": SequentialEntry,
        "gate.slices": SliceEntry,
        "provider.timeout": TimeoutEntry,
        "answer.fields": FieldRule,
    }
    if loc[:2] == ["gate", "limits"] and loc[-1] == "share":
        return sorted(ShareEntry.model_fields)
    for spot in (".".join(loc), ".".join(loc[:-1])):
        if spot in places:
            return sorted(places[spot].model_fields)
    return []
