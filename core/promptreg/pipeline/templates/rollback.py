"""`templates rollback`: an alias goes back to where it was."""

from __future__ import annotations

from collections.abc import Sequence

from promptreg.errors import UsageError, did_you_mean
from promptreg.journal import AliasState, Event, Moved, State, check_alias
from promptreg.pipeline.project import Project
from promptreg.pipeline.templates.who import Now, now
from promptreg.stages.load import open_journal

__all__ = ["rollback"]

_MAX_REASON = 1_000


def rollback(
    project: Project,
    names: Sequence[str],
    *,
    alias: str,
    to: str | None = None,
    reason: str = "",
) -> tuple[Moved, ...]:
    """Move an alias of templates back, all or none; returns the moves.

    Args:
        project: the suite.
        names: templates.
        alias: which alias.
        to: where to, by label or hash: a version it pointed to before; None: the previous one.
        reason: why; may be empty.

    Raises:
        UsageError: there is nothing to go back to, or the alias never pointed there.
    """
    check_alias(alias)
    if len(reason) > _MAX_REASON:
        raise UsageError(f"--reason: {len(reason):,} characters; at most {_MAX_REASON:,}")
    circumstances = now(project.base)
    moves: list[Moved] = []

    def make(state: State) -> list[Event]:
        for name in dict.fromkeys(names):
            found = _known(state, name, alias)
            target = _target(found, to, state)
            moves.append(_back(found, target, reason, circumstances))
        return list(moves)

    open_journal(project.suite, project.base).append(make)
    return tuple(moves)


def _known(state: State, name: str, alias: str) -> AliasState:
    found = state.alias(name, alias)
    if found is None:
        there = [f"{n}@{a}" for n, own in state.aliases.items() for a in own]
        raise UsageError(
            f"{name}@{alias} points nowhere: there is nothing to roll back"
            f"{did_you_mean(f'{name}@{alias}', there)}; aliases: {', '.join(there) or 'none'}"
        )
    return found


def _target(found: AliasState, to: str | None, state: State) -> Moved:
    """Return the earlier move that led where the alias shall point again."""
    where = f"{found.template}@{found.alias}"
    if to is None:
        here = found.now  # refuses a disputed one
        if len(found.trail) < 2:
            raise UsageError(
                f"{where} points to {here.label} ({here.to_sha256[:12]}) and pointed nowhere "
                "before: there is nothing to roll back to"
            )
        return found.trail[-2]
    wanted = to.removeprefix("sha256:")
    by_hash = len(wanted) >= 6 and all(c in "0123456789abcdef" for c in wanted)
    matches = {}
    for move in found.moves:
        version = state.version(found.template, move.to_sha256)
        named = to == move.label or (version is not None and to in version.labels)
        if named or (by_hash and move.to_sha256.startswith(wanted)):
            matches[move.to_sha256] = move
    if len(matches) != 1:
        been = {m.to_sha256: f"{m.label} ({m.to_sha256[:12]})" for m in found.moves}
        why = "names several of the versions" if matches else "names none of the versions"
        raise UsageError(
            f"--to {to!r:.80}: {why} that {where} pointed to: {', '.join(been.values())}. To any "
            "other version it goes by 'promptreg templates promote'"
        )
    (move,) = matches.values()
    if not found.disputed and move.to_sha256 == found.now.to_sha256:
        raise UsageError(f"{where} points to {move.label} ({move.to_sha256[:12]}) already")
    return move


def _back(found: AliasState, target: Moved, reason: str, now: Now) -> Moved:
    return Moved(
        at=now.at,
        by=now.by,
        commit=now.commit,
        how="rolled_back",
        template=found.template,
        alias=found.alias,
        from_sha256=found.heads[-1].to_sha256,
        to_sha256=target.to_sha256,
        label=target.label,
        after=tuple(head.id for head in found.heads),
        decision=None,
        override="",
        reason=reason,
    )
