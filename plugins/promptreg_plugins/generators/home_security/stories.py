"""Stories: read from YAML, checked, and told with the words of a motif."""

from __future__ import annotations

import hashlib
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from promptreg.errors import DataError, did_you_mean
from promptreg_plugins.generators.home_security.taxonomy import OBJECT_TYPES, TAXONOMY

__all__ = ["Motif", "Story", "load_stories"]

WHO = ("household", "service", "stranger", "hidden")
_MOST_BYTES = 2_000_000
_TEXTS = ("story", "type", "object", "who_is", "expect", "look", "action", "main")
_LISTS = ("points", "before", "after")
_KNOWN = {*_TEXTS, *_LISTS, "motifs", "violence", "harmless", "not_at"}


@dataclass(frozen=True, slots=True)
class Motif:
    """One way in which a story happens; a family of scenarios.

    Attributes:
        story: of which story.
        name: unique within the story.
        words: what the story's placeholders stand for.
    """

    story: Story
    name: str
    words: Mapping[str, str]

    @property
    def family(self) -> str:
        """The name of the family."""
        return f"{self.story.name}.{self.name}"

    @property
    def kind(self) -> str:
        """The detector's word for who or what the story is about."""
        return self.words.get("kind", "person")


@dataclass(frozen=True, slots=True)
class Story:
    """What happens, with placeholders.

    Attributes:
        name: unique.
        scenario_type, primary_object: of the taxonomy.
        who_is: `household`, `service`, `stranger` or `hidden`.
        harmless: whether a high score would be a false alarm.
        not_at: times of day at which it would be another story.
        points: key points, alternatives divided by `|`.
        expect, look, action, violence, main: texts; violence may be empty.
        before, after: what else is seen, in order.
        motifs: at least one.
    """

    name: str
    scenario_type: str
    primary_object: str
    who_is: str
    harmless: bool
    not_at: tuple[str, ...]
    points: tuple[str, ...]
    expect: str
    look: str
    action: str
    violence: str
    main: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    motifs: tuple[Motif, ...] = ()


def load_stories(path: str | None) -> tuple[tuple[Story, ...], str]:
    """Return the stories of a file, or those that come along, and the SHA-256 of the file.

    Raises:
        DataError: says file, story, field, value and what is allowed.
    """
    import yaml

    where = path or "stories.yaml"
    try:
        source = Path(path) if path else files(__package__) / "stories.yaml"
        data = source.read_bytes()
        if len(data) > _MOST_BYTES:
            raise DataError(f"{where}: {len(data):,} bytes; at most {_MOST_BYTES:,} are read")
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast
        entries = yaml.load(data, Loader=loader)  # noqa: S506 - both are safe loaders
    except OSError as e:
        raise DataError(f"{where}: cannot be read: {e.strerror or e}") from e
    except (yaml.YAMLError, RecursionError, ValueError) as e:
        raise DataError(f"{where}: no valid YAML: {e}") from e
    if not isinstance(entries, list) or not entries:
        raise DataError(f"{where}: must be a list of stories, found {type(entries).__name__}")
    stories = tuple(_story(entry, f"{where}: story {i}") for i, entry in enumerate(entries, 1))
    names = [story.name for story in stories]
    for name in names:
        if names.count(name) > 1:
            raise DataError(f"{where}: two stories are called {name!r}")
    return stories, hashlib.sha256(data).hexdigest()


def _story(entry: Any, where: str) -> Story:
    if not isinstance(entry, dict):
        raise DataError(f"{where}: must be a mapping, found {type(entry).__name__}")
    if isinstance(entry.get("story"), str):
        where = f"{where} ({entry['story']:.60})"
    for key in entry:
        if key not in _KNOWN:
            raise DataError(
                f"{where}: unknown key {key!r}{did_you_mean(str(key), _KNOWN)}; "
                f"allowed: {', '.join(sorted(_KNOWN))}"
            )
    for key in _TEXTS:
        if not isinstance(entry.get(key), str) or not entry[key].strip():
            raise DataError(f"{where}: {key}: must be a text, found {entry.get(key)!r:.60}")
    for key in (*_LISTS, "not_at"):
        items = entry.get(key, [] if key == "not_at" else None)
        if not isinstance(items, list) or not all(isinstance(i, str) and i for i in items):
            raise DataError(f"{where}: {key}: must be a list of texts, found {items!r:.60}")
    _one_of(entry["type"], TAXONOMY["scenario_type"], f"{where}: type")
    _one_of(entry["object"], TAXONOMY["primary_object"], f"{where}: object")
    _one_of(entry["who_is"], WHO, f"{where}: who_is")
    for word in entry.get("not_at", []):
        _one_of(word, TAXONOMY["time_of_day"], f"{where}: not_at")
    if not entry["points"]:
        raise DataError(f"{where}: points: is empty; name what a good reasoning mentions")
    story = Story(
        name=entry["story"],
        scenario_type=entry["type"],
        primary_object=entry["object"],
        who_is=entry["who_is"],
        harmless=bool(entry.get("harmless", entry["type"] == "normal")),
        not_at=tuple(entry.get("not_at", [])),
        points=tuple(entry["points"]),
        expect=entry["expect"],
        look=entry["look"],
        action=entry["action"],
        violence=str(entry.get("violence", "")),
        main=entry["main"],
        before=tuple(entry["before"]),
        after=tuple(entry["after"]),
    )
    motifs = entry.get("motifs")
    if not isinstance(motifs, dict) or not motifs:
        raise DataError(f"{where}: motifs: must be a mapping of at least one motif")
    made = tuple(_motif(story, str(name), words, where) for name, words in motifs.items())
    object.__setattr__(story, "motifs", made)  # motifs know their story, stories their motifs
    return story


def _motif(story: Story, name: str, words: Any, where: str) -> Motif:
    place = f"{where}: motif {name!r:.60}"
    if not isinstance(words, dict) or not all(isinstance(w, str) for w in words.values()):
        raise DataError(f"{place}: must be a mapping of texts, found {words!r:.60}")
    _one_of(words.get("kind", "person"), OBJECT_TYPES, f"{place}: kind")
    known = {"at", "spot", *words}
    for text in (*_texts(story), *words.values()):
        for used in placeholders(text, place):
            if used not in known:
                raise DataError(
                    f"{place}: {text!r:.60} uses {{{used}}}{did_you_mean(used, known)}; "
                    f"there are: {', '.join(sorted(known))}"
                )
    return Motif(story, name, words)


def _texts(story: Story) -> Sequence[str]:
    return (
        *(story.expect, story.look, story.action, story.violence, story.main),
        *story.before,
        *story.after,
    )


def placeholders(text: str, where: str) -> list[str]:
    """Return the names in braces.

    Raises:
        DataError: something else than a plain name stands in braces.
    """
    try:
        parts = list(string.Formatter().parse(text))
    except ValueError as e:
        raise DataError(f"{where}: {text!r:.60}: {e}") from e
    names = []
    for _, name, spec, conversion in parts:
        if name is None:
            continue
        if not name.isidentifier() or spec or conversion:
            raise DataError(f"{where}: {text!r:.60}: {{{name}}} is no plain name")
        names.append(name)
    return names


def _one_of(value: object, allowed: Sequence[str], where: str) -> None:
    if value not in allowed:
        near = did_you_mean(str(value), allowed)
        raise DataError(f"{where}: found {value!r:.60}{near}; allowed: {', '.join(allowed)}")
