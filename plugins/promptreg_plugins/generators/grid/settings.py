"""The settings of a design, as a suite writes them, checked and turned into a space."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from promptreg.errors import SuiteError, did_you_mean
from promptreg_plugins.generators.design import Quota, Rule, Space, smallest_conflict

__all__ = ["make_space", "read_attributes", "read_quotas", "read_rules"]

MOST_VALUES = 50
MOST_ATTRIBUTES = 30
_POWER = frozenset({"margin", "kind", "repeats", "discordance", "width"})
Attributes = Mapping[str, Sequence[str]]


def read_attributes(
    given: Mapping[str, Any] | None, known: Mapping[str, Sequence[str]] | None
) -> dict[str, tuple[str, ...]]:
    """Return the attributes with their values as words.

    Args:
        given: as the suite writes it: attribute to a list of values, or to a single one.
        known: all that there is, where the recipe knows; what is not given is taken whole.

    Raises:
        SuiteError: an attribute or value is unknown, empty or twice there.
    """
    made = {name: tuple(values) for name, values in (known or {}).items()}
    for name, values in (given or {}).items():
        where = f"attributes: {name}"
        if known is not None and name not in known:
            raise SuiteError(
                f"attributes: the recipe knows no {name!r}{did_you_mean(name, known)}; "
                f"there are: {', '.join(known)} (recipe: plain takes any)"
            )
        words = _words(values, where)
        if known is not None:
            for word in words:
                _known_value(word, known[name], where)
        made[name] = words
    if len(made) < 2:
        raise SuiteError("attributes: name at least two, such as attributes: {colour: [red, blue]}")
    if len(made) > MOST_ATTRIBUTES:
        raise SuiteError(
            f"attributes: {len(made)} are named; at most {MOST_ATTRIBUTES} are allowed"
        )
    return made


def read_rules(given: Sequence[Mapping[str, Any]], attributes: Attributes) -> list[Rule]:
    """Return the forbidden combinations.

    Raises:
        SuiteError: one is empty, or names what does not exist.
    """
    return [
        Rule(_where(entry, attributes, f"constraints[{i}]"), f"constraints[{i}]")
        for i, entry in enumerate(given)
    ]


def make_space(attributes: Attributes, rules: Sequence[Rule]) -> Space:
    """Return the space; each value of each attribute must be possible.

    Raises:
        SuiteError: the rules contradict each other; names the smallest set that does.
    """
    space = Space(attributes, rules)
    if not space.possible(0):
        raise SuiteError(
            f"constraints: no scenario is left; these contradict each other: "
            f"{_named(smallest_conflict(space))}"
        )
    for name, values in attributes.items():
        for value in values:
            mask = space.mask({name: value})
            if not space.possible(mask):
                raise SuiteError(
                    f"constraints: no scenario can have {name}: {value}, because of "
                    f"{_named(smallest_conflict(space, mask))}; take the value out of 'attributes' "
                    "if that is meant"
                )
    return space


def read_quotas(given: Sequence[Mapping[str, Any]], space: Space) -> list[Quota]:
    """Return the least sizes of slices, those that follow from a margin computed.

    Raises:
        SuiteError: an entry is malformed, or its slice cannot have any scenario.
    """
    attributes = dict(zip(space.names, space.values, strict=True))
    quotas = []
    for i, entry in enumerate(given):
        place = f"quotas[{i}]"
        if not isinstance(entry, Mapping):
            raise SuiteError(f"{place}: must be a mapping, found {entry!r:.60}")
        allowed = {"where", "at_least", *_POWER}
        for key in entry:
            if key not in allowed:
                raise SuiteError(
                    f"{place}: unknown key {key!r}{did_you_mean(str(key), allowed)}; "
                    f"allowed: {', '.join(sorted(allowed))}"
                )
        if ("at_least" in entry) == ("margin" in entry):
            raise SuiteError(
                f"{place}: needs either 'at_least' (scenarios) or 'margin' (the change that a "
                "comparison on this slice shall be able to see)"
            )
        size = _at_least(entry, place) if "at_least" in entry else _powered(entry, place)
        for where in _slices(entry.get("where"), attributes, f"{place}.where"):
            mask = space.mask(where)
            if not space.possible(mask):
                words = ", ".join(f"{name}: {value}" for name, value in where.items())
                raise SuiteError(
                    f"{place}: no scenario can have {words}, because of "
                    f"{_named(smallest_conflict(space, mask))}"
                )
            quotas.append(Quota(where, size))
    return quotas


def _slices(given: Any, attributes: Attributes, place: str) -> list[dict[str, str]]:
    """Return one slice per value where a list is given: each of them gets the size."""
    made: list[dict[str, str]] = [{}]
    for name, words in _where(given, attributes, place).items():
        made = [{**one, name: word} for one in made for word in words]
    return made


def _at_least(entry: Mapping[str, Any], place: str) -> int:
    size = entry["at_least"]
    if extra := sorted(_POWER & entry.keys()):
        raise SuiteError(f"{place}: {', '.join(extra)} goes with 'margin', not with 'at_least'")
    if not isinstance(size, int) or isinstance(size, bool) or not 1 <= size <= 1_000_000:
        raise SuiteError(
            f"{place}: at_least: must be a whole number from 1 to 1,000,000, found {size!r:.60}"
        )
    return size


def _powered(entry: Mapping[str, Any], place: str) -> int:
    from promptreg.stats.power import plan_scenarios

    kind = entry.get("kind", "binary")
    if kind not in ("binary", "bounded", "ordinal"):
        raise SuiteError(f"{place}: kind: found {kind!r:.60}; allowed: binary, bounded, ordinal")
    numbers = {
        "margin": entry["margin"],
        "repeats": entry.get("repeats", 1),
        "width": entry.get("width", 3.0 if kind == "ordinal" else 1.0),
        "discordance": entry.get("discordance", 0.20),
    }
    for name, value in numbers.items():
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not value > 0:
            raise SuiteError(f"{place}: {name}: must be a number above 0, found {value!r:.60}")
    try:
        size = plan_scenarios(
            float(numbers["margin"]),
            int(numbers["repeats"]),
            kind,
            width=float(numbers["width"]),
            discordance=float(numbers["discordance"]),
        )
    except (ValueError, OverflowError) as e:
        raise SuiteError(f"{place}: {e}") from e
    if size > 1_000_000:
        raise SuiteError(
            f"{place}: margin {numbers['margin']:g} needs {size:,} scenarios; too many"
        )
    return size


def _where(given: Any, attributes: Attributes, place: str) -> dict[str, tuple[str, ...]]:
    if not isinstance(given, Mapping) or not given:
        raise SuiteError(
            f"{place}: must be a mapping such as {{scenario_type: threat}}, found {given!r:.60}"
        )
    made = {}
    for name, values in given.items():
        if name not in attributes:
            raise SuiteError(
                f"{place}: no attribute is called {name!r}{did_you_mean(str(name), attributes)}; "
                f"there are: {', '.join(attributes)}"
            )
        made[name] = _words(values, f"{place}: {name}")
        for word in made[name]:
            _known_value(word, attributes[name], f"{place}: {name}")
    return made


def _words(values: Any, where: str) -> tuple[str, ...]:
    items = values if isinstance(values, (list, tuple)) else [values]
    words = []
    for item in items:
        if not isinstance(item, (str, int, float, bool)) or item == "":
            raise SuiteError(
                f"{where}: {item!r:.60} is no value; allowed: texts, numbers, booleans"
            )
        words.append(str(item).lower() if isinstance(item, bool) else str(item))
    if not words or len(words) > MOST_VALUES:
        raise SuiteError(f"{where}: {len(words)} values; allowed: 1 to {MOST_VALUES}")
    for word in words:
        if words.count(word) > 1:
            raise SuiteError(f"{where}: the value {word!r} is there twice")
    return tuple(words)


def _known_value(word: str, known: Sequence[str], where: str) -> None:
    if word not in known:
        raise SuiteError(
            f"{where}: no value is called {word!r}{did_you_mean(word, known)}; "
            f"there are: {', '.join(known)}"
        )


def _named(rules: Sequence[Rule]) -> str:
    return " and ".join(map(str, rules)) or "nothing"
