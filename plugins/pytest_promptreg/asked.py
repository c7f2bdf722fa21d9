"""What a mark or a suite file asks for: which versions to compare, and how to tell of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from promptreg.errors import UsageError, did_you_mean
from promptreg.pipeline.keys import digest
from promptreg.pipeline.project import Options
from pytest_promptreg.options import INCONCLUSIVE

__all__ = ["Asked", "read_words"]

_NARROWING: dict[str, tuple[type, ...]] = {
    "limit": (int,),
    "repeats": (int,),
    "seed": (int,),
    "concurrency": (int,),
    "alpha": (float,),
    "budget": (str,),
    "cache": (bool,),
    "allow_unmatched": (bool,),
}
_OWN = ("suite", "baseline", "candidate", "template", "metrics", "slices", "inconclusive")
_WORDS = (*_OWN, *_NARROWING, "filters", "margins", "allow_mismatch")


@dataclass(frozen=True, slots=True)
class Asked:
    """One comparison, and how it is shown.

    Attributes:
        suite: the suite file.
        baseline, candidate: references.
        options: what narrows the comparison; it looks once, whatever `gate.sequential` says: a
            part of the scenarios is enough for a gate, not for a check of each slice.
        metrics: a check for each of these, True for all gating ones, False for one by slice.
        slices: attributes; None for all that the suite slices by.
        inconclusive: `fail`, `skip` or `pass`; None where nothing was said.
    """

    suite: Path
    baseline: str
    candidate: str
    options: Options
    metrics: tuple[str, ...] | bool = False
    slices: tuple[str, ...] | None = None
    inconclusive: str | None = None

    @property
    def key(self) -> str:
        """The same for everything that rests on the same comparison (hex)."""
        told: dict[str, Any] = asdict(self.options)
        return digest([str(self.suite), self.baseline, self.candidate, told])


def read_words(words: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return the keywords of `Asked` for what a mark says; `suite` and references as they are.

    Args:
        words: the mark's keyword arguments.
        where: the marked test, for messages.

    Raises:
        UsageError: a word is unknown, or its value is of the wrong kind.
    """
    for word in words:
        if word not in _WORDS:
            raise UsageError(
                f"{where}: the mark promptreg takes no {word!r}{did_you_mean(word, _WORDS)}; "
                f"it takes: {', '.join(_WORDS)}"
            )
    options: dict[str, Any] = {}
    for word, kinds in _NARROWING.items():
        if word in words:
            options[word] = _kind(word, words[word], kinds, where)
    options["templates"] = tuple(_names("template", words.get("template", ()), where))
    options["allow_mismatch"] = tuple(
        _names("allow_mismatch", words.get("allow_mismatch", ()), where)
    )
    filters = _mapping("filters", words.get("filters", {}), where)
    options["filters"] = {k: tuple(_names(f"filters.{k}", v, where)) for k, v in filters.items()}
    margins = _mapping("margins", words.get("margins", {}), where)
    options["margins"] = {k: _positive(f"margins.{k}", v, where) for k, v in margins.items()}
    for word in ("limit", "repeats", "concurrency"):
        if options.get(word, 1) < 1:
            raise UsageError(f"{where}: {word} is {options[word]}; allowed: 1 or more")
    if not 0.001 <= options.get("alpha", 0.05) < 0.5:
        raise UsageError(f"{where}: alpha is {options['alpha']}; allowed: 0.001 to below 0.5")
    return {"options": Options(looks=1, **options), **_shown(words, where)}


def _shown(words: Mapping[str, Any], where: str) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    metrics = words.get("metrics", False)
    shown["metrics"] = (
        metrics if isinstance(metrics, bool) else tuple(_names("metrics", metrics, where))
    )
    if words.get("slices") is not None:
        shown["slices"] = tuple(_names("slices", words["slices"], where))
    said = words.get("inconclusive")
    if said is not None and said not in INCONCLUSIVE:
        raise UsageError(
            f"{where}: inconclusive is {said!r}; allowed: {', '.join(map(repr, INCONCLUSIVE))}"
        )
    shown["inconclusive"] = said
    return shown


def _kind(word: str, value: Any, kinds: tuple[type, ...], where: str) -> Any:
    fits = isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool))
    if not fits:
        allowed = " or ".join(kind.__name__ for kind in kinds)
        raise UsageError(f"{where}: {word} is {value!r}; allowed: {allowed}")
    return value


def _names(word: str, value: Any, where: str) -> Sequence[str]:
    found = [value] if isinstance(value, str) else value
    if not isinstance(found, (list, tuple)) or not all(isinstance(v, str) for v in found):
        raise UsageError(f"{where}: {word} is {value!r}; allowed: a text, or a list of texts")
    return found


def _mapping(word: str, value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise UsageError(f"{where}: {word} is {value!r}; allowed: a dict")
    return value


def _positive(word: str, value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
        raise UsageError(f"{where}: {word} is {value!r}; allowed: a number above 0")
    return float(value)
