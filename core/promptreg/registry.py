"""Named factories of plug-ins: what is registered, by whom, and how one is made from settings."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import UnionType
from typing import Any, Generic, TypeVar, Union, get_origin

from promptreg.errors import PluginError, PromptregError, SuiteError, did_you_mean

__all__ = ["Catalog", "Entry"]

T = TypeVar("T")
_NAME = re.compile(r"[a-z][a-z0-9_-]*\Z")


@dataclass(frozen=True, slots=True)
class Entry(Generic[T]):
    """One registered factory.

    Attributes:
        name: what a suite writes after `use:`.
        factory: called with the settings as keyword arguments; returns one plug-in object.
        owner: distribution and version that registered it.
    """

    name: str
    factory: Callable[..., T]
    owner: str

    @property
    def summary(self) -> str:
        """First line of the factory's own docstring; one inherited from a protocol says nothing."""
        return inspect.cleandoc(_target(self.factory).__doc__ or "").split("\n", 1)[0]

    def settings(self) -> Mapping[str, inspect.Parameter]:
        """Return the settings the factory takes, by name."""
        return {
            name: p
            for name, p in _parameters(self.factory).items()
            if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
        }

    @property
    def open(self) -> bool:
        """Whether the factory takes settings of any name (`**settings`)."""
        return any(p.kind is p.VAR_KEYWORD for p in _parameters(self.factory).values())


class Catalog(Generic[T]):
    """Factories of one kind of plug-in, by name.

    Args:
        kind: the kind in words, such as `provider`; used in messages.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._entries: dict[str, Entry[T]] = {}
        self._owner = "promptreg"
        self.missing: dict[str, str] = {}
        """Owners that could not be loaded, with the reason; named when a plug-in is unknown."""

    def owned_by(self, owner: str) -> None:
        """Attribute the registrations that follow to `owner`."""
        self._owner = owner

    def add(self, name: str, factory: Callable[..., T]) -> None:
        """Register `factory` under `name`.

        Raises:
            PluginError: the name is malformed, or somebody else has claimed it.
        """
        if not _NAME.match(str(name)):  # a stranger may pass anything
            raise PluginError(
                f"{self._owner} registers a {self.kind} called {name!r}; "
                "names are lower-case letters, digits, '_' and '-', a letter first"
            )
        if not callable(factory):
            raise PluginError(
                f"{self._owner} registers {factory!r} as the {self.kind} {name!r}; "
                "allowed: a class or function that makes one"
            )
        if name in self._entries:
            other = self._entries[name].owner
            raise PluginError(
                f"two plug-ins claim the {self.kind} {name!r}: {other} and {self._owner}; "
                "block one with PROMPTREG_DISABLE_PLUGINS"
            )
        self._entries[name] = Entry(name, factory, self._owner)

    def __iter__(self) -> Iterator[Entry[T]]:
        return iter(sorted(self._entries.values(), key=lambda e: e.name))

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, name: str, where: str = "") -> Entry[T]:
        """Return the entry called `name`.

        Args:
            name: a registered name.
            where: who asks for it, such as `promptreg.yaml: scorers[2]`.

        Raises:
            PluginError: there is none; the message lists what there is.
        """
        try:
            return self._entries[name]
        except KeyError:
            known = sorted(self._entries)
            there_are = ", ".join(known) if known else "none"
            broken = "".join(f"; {o} could not be loaded: {why}" for o, why in self.missing.items())
            place = f"{where}: " if where else ""
            raise PluginError(
                f"{place}no {self.kind} is called {name!r}{did_you_mean(name, known)}; "
                f"there are: {there_are}{broken}"
            ) from None

    def create(self, name: str, settings: Mapping[str, Any], where: str = "") -> T:
        """Make the plug-in called `name` from settings, whose names and types are checked.

        Args:
            name: a registered name.
            settings: keyword arguments for the factory.
            where: where the settings come from, such as `promptreg.yaml: scorers[2]`.

        Raises:
            PluginError: the name is unknown, or the factory raised.
            SuiteError: a setting is unknown, missing or of the wrong type.
        """
        entry = self.get(name, where)
        values = _validated(entry, settings, where or f"{self.kind} {name}")
        try:
            made = entry.factory(**values)
        except PromptregError:
            raise
        except (ValueError, TypeError) as e:
            place = f"{where}: " if where else ""
            raise SuiteError(f"{place}{self.kind} {name!r}: {e}") from e
        except (Exception, SystemExit) as e:
            raise PluginError(
                f"{self.kind} {name!r} ({entry.owner}) could not be made: {type(e).__name__}: {e}"
            ) from e
        if made is None:
            raise PluginError(f"{self.kind} {name!r} ({entry.owner}): its factory returned None")
        return made


def _target(factory: Callable[..., Any]) -> Any:
    """Return the function or class behind `functools.partial` objects."""
    target: Any = factory
    while isinstance(target, functools.partial):
        target = target.func
    return target


def _parameters(factory: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    """Return the parameters of a factory.

    A class that inherits from a protocol and has no `__init__` would show `*args, **kwargs` until
    its first object is made, and nothing after that; it takes no settings.
    """
    target = _target(factory)
    if inspect.isclass(target) and getattr(target.__init__, "__module__", "") == "typing":
        return {}
    return inspect.signature(factory).parameters


def _hints(factory: Callable[..., Any]) -> Mapping[str, Any]:
    """Return the types of a factory's settings; `Any` for those that only type checkers know.

    One by one, because `inspect.get_annotations(eval_str=True)` gives up on all of them if a single
    name was imported under `TYPE_CHECKING`.
    """
    target = _target(factory)
    function: Any = inspect.unwrap(target.__init__ if inspect.isclass(target) else target)
    names = getattr(function, "__globals__", {})
    hints: dict[str, Any] = {}
    for name, hint in inspect.get_annotations(function).items():
        try:
            hints[name] = eval(hint, names) if isinstance(hint, str) else hint  # noqa: S307 - as inspect does
        except Exception:  # noqa: BLE001 - an annotation may be anything
            hints[name] = Any
    return hints


def _short(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 80 else f"{shown[:77]}..."


def _validated(entry: Entry[Any], settings: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Check names and types of settings against the factory's signature."""
    from pydantic import ConfigDict, ValidationError, create_model  # 0.1 s: not at registration

    parameters = entry.settings()
    known = sorted(parameters)
    for key in settings:
        if key not in parameters and not entry.open:
            allowed = ", ".join(known) if known else "none"
            raise SuiteError(
                f"{where}: {entry.name!r} takes no setting {key!r}"
                f"{did_you_mean(str(key), known)}; allowed: {allowed}"
            )
    hints = _hints(entry.factory)
    fields: dict[str, Any] = {}
    aliases: dict[str, str] = {}
    for i, (name, p) in enumerate(parameters.items()):
        if name not in settings and p.default is not p.empty:
            continue
        aliases[f"f{i}"] = name  # a setting may be called like a method of the model
        fields[f"f{i}"] = (hints.get(name, Any), ...)
    model = create_model("Settings", __config__=ConfigDict(arbitrary_types_allowed=True), **fields)
    given = {alias: settings[name] for alias, name in aliases.items() if name in settings}
    try:
        checked = model(**given)
    except ValidationError as e:
        errors = e.errors(include_url=False)
        first = errors[0]
        path = [aliases.get(str(part), part) for part in first["loc"]]
        spot = ".".join(str(part) for part in path)
        if first["type"] == "missing":
            raise SuiteError(f"{where}: {entry.name!r} needs the setting {spot!r}") from e
        said, found = first["msg"], first["input"]
        setting = str(path[0])
        if get_origin(hints.get(setting)) in (Union, UnionType):
            # One error for each type that is allowed, whose name is no part of the place.
            mine = [other["msg"] for other in errors if other["loc"][0] == first["loc"][0]]
            said, spot, found = " or ".join(dict.fromkeys(mine)), setting, settings[setting]
        raise SuiteError(f"{where}: {spot}: {said} (found {_short(found)})") from e
    extra = {k: v for k, v in settings.items() if k not in parameters}
    return {name: getattr(checked, alias) for alias, name in aliases.items()} | extra
