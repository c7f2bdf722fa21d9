"""The manifest of a stored run: what identifies it, and what its table must look like."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, get_args

from promptreg.errors import StoreError
from promptreg.records import Direction, Kind, RunFacts, Scale, Statistic
from promptreg.store.problems import from_os, running_version

__all__ = ["FORMAT", "MANIFEST", "TABLE", "Manifest", "read_manifest", "write_manifest"]

MANIFEST = "manifest.json"
TABLE = "trials.parquet"
FORMAT = 1
_MOST_BYTES = 16 * 2**20


@dataclass(frozen=True, slots=True)
class Manifest:
    """What `manifest.json` says.

    Attributes:
        id, facts, repeats, counts, failures: as in the run.
        scenarios, trials: how many of each; trials = scenarios times repeats.
        scales: in the order of the metrics.
        attributes: names, in the order of the columns.
        table_sha256, table_bytes: of `trials.parquet`.
    """

    id: str
    facts: RunFacts
    repeats: int
    scenarios: int
    trials: int
    scales: tuple[Scale, ...]
    attributes: tuple[str, ...]
    counts: Mapping[str, int]
    failures: Mapping[str, int]
    table_sha256: str
    table_bytes: int


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Write a manifest as JSON with one key per line; the open end of a scale is null."""
    scales = [
        {
            name: None if value in (math.inf, -math.inf) else value
            for name, value in asdict(s).items()
        }
        for s in manifest.scales
    ]
    content = {field.name: getattr(manifest, field.name) for field in fields(manifest)}
    content |= {
        "facts": {**asdict(manifest.facts), "fingerprints": dict(manifest.facts.fingerprints)},
        "scales": scales,
        "counts": dict(manifest.counts),
        "failures": dict(manifest.failures),
    }
    head = {"format": FORMAT, "written_by": f"promptreg {running_version()}"}
    text = json.dumps({**head, **content}, indent=1, allow_nan=False)
    with path.open("w", encoding="utf-8") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())


def read_manifest(path: Path) -> Manifest:
    """Return a manifest, every field checked.

    Raises:
        StoreError: it is missing, damaged, or of another format; names the file and the field.
    """
    content = _Fields(path, "", _load(path))
    found = content.whole("format")
    if found != FORMAT:
        raise StoreError(
            f"{path}: format {found}, written by {content.text('written_by')}; promptreg "
            f"{running_version()} reads format {FORMAT}"
        )
    facts = content.nested("facts")
    manifest = Manifest(
        id=content.text("id"),
        facts=RunFacts(
            suite=facts.text("suite"),
            template=facts.text("template"),
            label=facts.text("label"),
            template_sha256=facts.text("template_sha256"),
            fingerprints=facts.mapping("fingerprints", str),
            partial=facts.flag("partial"),
            synthetic=facts.flag("synthetic"),
            provider=facts.text("provider"),
            created_at=facts.text("created_at"),
            source=facts.text("source"),
            provider_name=facts.text("provider_name", ""),  # runs made before there was such
        ),
        repeats=content.whole("repeats"),
        scenarios=content.whole("scenarios"),
        trials=content.whole("trials"),
        scales=tuple(_scale(scale) for scale in content.entries("scales")),
        attributes=content.words("attributes"),
        counts=content.mapping("counts", int),
        failures=content.mapping("failures", int),
        table_sha256=content.text("table_sha256"),
        table_bytes=content.whole("table_bytes"),
    )
    if manifest.trials != manifest.scenarios * manifest.repeats:
        raise content.wrong("trials", manifest.trials, "scenarios times repeats")
    return manifest


def _load(path: Path) -> Any:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise StoreError(f"{path}: more than {_MOST_BYTES} bytes; this is no manifest")
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise StoreError(f"{path}: missing; the run beside it cannot be read") from error
    except OSError as error:
        raise from_os(path, error) from error
    except (ValueError, RecursionError) as error:
        raise StoreError(f"{path}: damaged, no JSON ({error})") from error


def _scale(content: _Fields) -> Scale:
    margin = content.number("margin", None)
    try:
        return Scale(
            name=content.text("name"),
            kind=content.one_of("kind", get_args(Kind)),
            unit=content.text("unit"),
            low=content.number("low", -math.inf) or 0.0,
            high=content.number("high", math.inf) or 0.0,
            direction=content.one_of("direction", get_args(Direction)),
            margin=margin,
            statistic=content.one_of("statistic", get_args(Statistic)),
            payload=bool(content.content.get("payload", False)),  # older runs have none
        )
    except ValueError as error:
        raise content.wrong("high", content.content.get("high"), str(error)) from error


class _Fields:
    """Fields of a JSON object, each of which must be what it should be."""

    def __init__(self, path: Path, where: str, content: Any) -> None:
        self.path = path
        self.where = where
        if not isinstance(content, dict):
            raise self.wrong("", content, "an object")
        self.content: dict[str, Any] = content

    def wrong(self, name: str, found: object, allowed: str) -> StoreError:
        shown = "nothing" if found is None else f"{found!r:.60}"
        field = f"{self.where}{name}".rstrip(".") or "the whole"
        return StoreError(f"{self.path}: {field} is {shown}; expected {allowed}")

    def text(self, name: str, default: str | None = None) -> str:
        value = self.content.get(name, default)
        if not isinstance(value, str):
            raise self.wrong(name, value, "text")
        return value

    def whole(self, name: str) -> int:
        value = self.content.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise self.wrong(name, value, "a whole number from 0")
        return value

    def flag(self, name: str) -> bool:
        value = self.content.get(name)
        if not isinstance(value, bool):
            raise self.wrong(name, value, "true or false")
        return value

    def number(self, name: str, none: float | None) -> float | None:
        value = self.content.get(name)
        if name not in self.content or isinstance(value, bool):
            raise self.wrong(name, value, "a number or null")
        if value is None:
            return none
        if not isinstance(value, int | float):
            raise self.wrong(name, value, "a number or null")
        return float(value)

    def one_of(self, name: str, allowed: tuple[str, ...]) -> Any:
        value = self.text(name)
        if value not in allowed:
            raise self.wrong(name, value, f"one of {', '.join(allowed)}")
        return value

    def nested(self, name: str) -> _Fields:
        return _Fields(self.path, f"{self.where}{name}.", self.content.get(name))

    def mapping(self, name: str, kind: type[str] | type[int]) -> dict[str, Any]:
        value = self.nested(name).content
        for key, entry in value.items():
            if type(entry) is not kind:
                raise self.wrong(
                    f"{name}.{key}", entry, "text" if kind is str else "a whole number"
                )
        return value

    def words(self, name: str) -> tuple[str, ...]:
        value = self.content.get(name)
        if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
            raise self.wrong(name, value, "a list of text")
        return tuple(value)

    def entries(self, name: str) -> list[_Fields]:
        value = self.content.get(name)
        if not isinstance(value, list):
            raise self.wrong(name, value, "a list")
        return [_Fields(self.path, f"{self.where}{name}.{i}.", v) for i, v in enumerate(value)]
