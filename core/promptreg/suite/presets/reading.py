"""Presets as they are shipped, and a `gate` section joined with the one it starts from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from promptreg.errors import SuiteError, did_you_mean
from promptreg.suite.entries import GateEntry

__all__ = ["Preset", "Resolved", "preset", "preset_names", "resolve"]

_MERGED = ("limits", "require_values", "margins", "overall", "weights")
"""Mappings: the section's keys join the preset's. Everything else is replaced."""


@dataclass(frozen=True, slots=True)
class Preset:
    """A named bundle of settings.

    Attributes:
        name: what a suite writes after `use:`.
        summary: one line for people.
        gate: the settings.
    """

    name: str
    summary: str
    gate: GateEntry

    @property
    def criteria(self) -> tuple[str, ...]:
        """What it asks for, by the names that `drop` takes."""
        return (*self.gate.limits, *self.gate.require_values)


@dataclass(frozen=True, slots=True)
class Resolved:
    """A `gate` section with its preset worked in.

    Attributes:
        gate: the settings that apply.
        preset: what it started from; None where it stands alone.
        kept: limits that are the preset's own; what they need may be lacking.
        dropped: the preset's limits and required values that the suite takes out.
        replaced: criteria of the preset in whose place the suite has its own.
    """

    gate: GateEntry
    preset: Preset | None = None
    kept: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()


def preset_names() -> list[str]:
    """Return the names of all presets, sorted."""
    folder = files(__package__)
    names = [entry.name for entry in folder.iterdir()]
    return sorted(name.removesuffix(".yaml") for name in names if name.endswith(".yaml"))


def preset(name: str, where: str) -> Preset:
    """Return a preset; `where` names the place that asks for it.

    Raises:
        SuiteError: none is called so.
    """
    import yaml

    names = preset_names()
    if name not in names:
        raise SuiteError(
            f"{where}: no preset is called {name!r}{did_you_mean(name, names)}; "
            f"there are: {', '.join(names)}"
        )
    text = (files(__package__) / f"{name}.yaml").read_text("utf-8")
    data: Mapping[str, Any] = yaml.safe_load(text)
    return Preset(name, str(data["summary"]), GateEntry.model_validate(data["gate"]))


def resolve(entry: GateEntry, where: str) -> Resolved:
    """Return the section with the settings of its preset, which its own keys override.

    Mappings are joined key by key, limits by name; anything else that the section says stands in
    for what the preset says.

    Raises:
        SuiteError: the preset, or a criterion to drop, does not exist.
    """
    if entry.use is None:
        if entry.drop:
            raise SuiteError(f"{where}: gate.drop takes criteria out of a preset (gate.use)")
        return Resolved(entry)
    base = preset(entry.use, f"{where}: gate.use")
    for name in entry.drop:
        if name not in base.criteria:
            raise SuiteError(
                f"{where}: gate.drop: the preset {base.name} has no criterion {name!r}"
                f"{did_you_mean(name, base.criteria)}; there are: {', '.join(base.criteria)}"
            )
        if name in entry.limits or name in entry.require_values:
            raise SuiteError(f"{where}: gate.drop: {name!r} is dropped and given anew")
    joined: dict[str, Any] = {}
    for key in GateEntry.model_fields:
        own, given = getattr(entry, key), getattr(base.gate, key)
        if key in _MERGED:
            rest = {k: v for k, v in given.items() if k not in entry.drop}
            joined[key] = {**rest, **own}
        else:
            joined[key] = own if key in entry.model_fields_set else given
    anew = {*entry.limits, *entry.require_values}
    return Resolved(
        gate=entry.model_copy(update=joined),
        preset=base,
        kept=tuple(n for n in base.gate.limits if n not in anew and n not in entry.drop),
        dropped=tuple(dict.fromkeys(entry.drop)),
        replaced=tuple(n for n in base.criteria if n in anew),
    )
