"""What is true now: all events of a journal, folded, in whatever order their lines stand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from promptreg.errors import DataError, UsageError
from promptreg.journal.events import Event, Labelled, Moved, Registered

__all__ = ["AliasState", "State", "Version", "fold"]


@dataclass(frozen=True, slots=True)
class Version:
    """A registered text.

    Attributes:
        registered: the first registration.
        labels: all of them, the first one first.
    """

    registered: Registered
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AliasState:
    """Where an alias points, and how it came there.

    Attributes:
        template, alias: which one.
        moves: all of them, each after those it follows.
        heads: moves that none follows; several where branches moved it apart.
        trail: the moves that led to the present target, rolled-back ones left out; the last one
            is the present one.
    """

    template: str
    alias: str
    moves: tuple[Moved, ...]
    heads: tuple[Moved, ...]
    trail: tuple[Moved, ...]

    @property
    def disputed(self) -> bool:
        """Whether branches moved it to different versions and nobody has settled it."""
        return len({head.to_sha256 for head in self.heads}) > 1

    @property
    def now(self) -> Moved:
        """The move that is in force.

        Raises:
            UsageError: the alias is disputed; says how to settle it.
        """
        if self.disputed:
            told = " and ".join(
                f"{h.label} ({h.to_sha256[:12]}, by {h.by} at {h.at})" for h in self.heads
            )
            raise UsageError(
                f"{self.template}@{self.alias}: branches that were merged moved it to {told}; "
                f"'promptreg templates rollback {self.template} --alias {self.alias} --to LABEL' "
                "says which one it is"
            )
        return self.trail[-1]


@dataclass(frozen=True, slots=True)
class State:
    """A folded journal.

    Attributes:
        path: the file, for people.
        versions: template to hash to version, in the order of registration.
        aliases: template to alias to its state.
    """

    path: str
    versions: Mapping[str, Mapping[str, Version]] = field(default_factory=dict)
    aliases: Mapping[str, Mapping[str, AliasState]] = field(default_factory=dict)

    def version(self, template: str, sha256: str) -> Version | None:
        """Return a registered version."""
        return self.versions.get(template, {}).get(sha256)

    def labelled(self, template: str, label: str) -> list[Version]:
        """Return the versions that carry a label: none or one; more only after a merge."""
        return [v for v in self.versions.get(template, {}).values() if label in v.labels]

    def alias(self, template: str, alias: str) -> AliasState | None:
        """Return an alias; None where it points nowhere."""
        return self.aliases.get(template, {}).get(alias)

    def pointing(self, template: str, sha256: str) -> list[str]:
        """Return the aliases that point to a version; disputed ones to each of their targets."""
        return [
            name
            for name, state in self.aliases.get(template, {}).items()
            if any(head.to_sha256 == sha256 for head in state.heads)
        ]


def fold(events: Iterable[tuple[int, Event]], path: str) -> State:
    """Return the state that events lead to.

    Args:
        events: (line number, event); a line that appears twice counts once.
        path: the file, for messages.

    Raises:
        DataError: an event speaks of a version or a move that is not in the file.
    """
    found = list(events)
    versions = _versions(found, path)
    moves: dict[tuple[str, str], dict[str, tuple[int, Moved]]] = {}
    for number, event in found:
        if not isinstance(event, Moved):
            continue
        for sha256 in filter(None, (event.from_sha256, event.to_sha256)):
            if sha256 not in versions.get(event.template, {}):
                raise DataError(
                    f"{path}: line {number}: {event.template}@{event.alias} speaks of the version "
                    f"{sha256[:12]}, which is not registered in this file; were lines removed?"
                )
        key = (event.template, event.alias)
        moves.setdefault(key, {}).setdefault(event.id, (number, event))
    aliases: dict[str, dict[str, AliasState]] = {}
    for (template, alias), own in sorted(moves.items()):
        aliases.setdefault(template, {})[alias] = _alias(template, alias, own, path)
    return State(path, versions, aliases)


def _versions(events: Sequence[tuple[int, Event]], path: str) -> dict[str, dict[str, Version]]:
    texts: dict[tuple[str, str], Registered] = {}
    labels: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for _, event in events:
        if isinstance(event, Moved):
            continue
        key = (event.template, event.sha256)
        labels.setdefault(key, []).append((event.at, event.label))
        if isinstance(event, Registered):
            # Two branches may have registered the same text: the first one did.
            first = texts.setdefault(key, event)
            texts[key] = min(first, event, key=lambda e: (e.at, e.by, e.label))
    for number, event in events:
        if isinstance(event, Labelled) and (event.template, event.sha256) not in texts:
            raise DataError(
                f"{path}: line {number}: {event.template}@{event.label} labels the version "
                f"{event.sha256[:12]}, which is not registered in this file; were lines removed?"
            )
    found: dict[str, dict[str, Version]] = {}
    for key, event in sorted(texts.items(), key=lambda item: (item[1].at, item[0])):
        names = [event.label, *(label for _, label in sorted(labels[key]))]
        version = Version(event, tuple(dict.fromkeys(names)))
        found.setdefault(event.template, {})[event.sha256] = version
    return found


def _alias(
    template: str, alias: str, moves: Mapping[str, tuple[int, Moved]], path: str
) -> AliasState:
    where = f"{template}@{alias}"
    for number, move in moves.values():
        for parent in move.after:
            if parent not in moves:
                raise DataError(
                    f"{path}: line {number}: {where} follows a move with the id {parent}, which is "
                    "not in this file; were lines removed?"
                )
        parents = {moves[p][1].to_sha256 for p in move.after} or {""}
        if move.from_sha256 not in parents:
            raise DataError(
                f"{path}: line {number}: {where} moves from {move.from_sha256[:12] or 'nowhere'}, "
                "but the move it follows led elsewhere"
            )
    ordered = _ordered({move.id: move for _, move in moves.values()})
    trails: dict[str, tuple[Moved, ...]] = {}
    for move in ordered:
        trails[move.id] = _trail(move, [trails[p] for p in move.after])
    followed = {parent for move in ordered for parent in move.after}
    heads = tuple(move for move in ordered if move.id not in followed)
    return AliasState(template, alias, tuple(ordered), heads, trails[heads[-1].id])


def _trail(move: Moved, before: Sequence[tuple[Moved, ...]]) -> tuple[Moved, ...]:
    """Return the trail after a move: one step longer, or back to where it has been."""
    for trail in before:
        if move.how == "rolled_back":
            for i in reversed(range(len(trail))):
                if trail[i].to_sha256 == move.to_sha256:
                    return (*trail[:i], move)
    return (*(before[0] if before else ()), move)


def _ordered(moves: Mapping[str, Moved]) -> list[Moved]:
    """Return moves, each after those it follows; otherwise by time."""
    left = dict(sorted(moves.items(), key=lambda item: (item[1].at, item[0])))
    done: dict[str, Moved] = {}
    while left:
        ready = next((m for m in left.values() if all(p in done for p in m.after)), None)
        if ready is None:  # ids are hashes of what they follow: only a forger gets here
            raise DataError("moves follow each other in a circle")
        done[ready.id] = left.pop(ready.id)
    return list(done.values())
