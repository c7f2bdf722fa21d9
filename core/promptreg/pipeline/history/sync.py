"""Recording what waits: entry by entry, each whole; what fails stays in the outbox."""

from __future__ import annotations

from dataclasses import dataclass, field

from promptreg.errors import PromptregError, StoreError
from promptreg.journal import State
from promptreg.past import Record, Wanted
from promptreg.pipeline.history.moves import CANDIDATE, Aliases, candidates, moves, targets
from promptreg.pipeline.history.recall import Recall
from promptreg.pipeline.project import Project
from promptreg.protocols import History
from promptreg.stages.load import open_journal
from promptreg.store.outbox import Outbox

__all__ = ["Synced", "make_history", "sync"]

DEFAULT = "mlflow"


@dataclass(slots=True)
class Synced:
    """What came of recording.

    Attributes:
        where: the history, for people.
        recorded: entries that were new in it.
        known: entries that it held already.
        waiting: entries that are still in the outbox.
        moves: moves of aliases in the template registry that were new in it.
        moved: aliases that were moved.
        problem: why it stopped; empty if it did not.
        notes: what a person should know, such as trials that are gone.
        busy: whether another process is recording.
    """

    where: str
    recorded: int = 0
    known: int = 0
    waiting: int = 0
    moves: int = 0
    moved: int = 0
    problem: str = ""
    notes: list[str] = field(default_factory=list)
    busy: bool = False


def make_history(project: Project) -> History:
    """Return the suite's history, or the default one.

    Raises:
        PluginError, SuiteError: it is unknown, or its settings are wrong.
        MissingPackageError: a package that it needs is not installed.
    """
    entry = project.suite.history
    use = entry.use if entry else DEFAULT
    settings = entry.settings if entry else {}
    where = f"{project.path}: history"
    if "folder" in project.plugins.histories.get(use, where).settings():
        # Where one that needs no server keeps its files: relative to the suite, as all paths are.
        folder = settings.get("folder")
        place = project.base / folder if isinstance(folder, str) else project.store / "history"
        settings = settings | {"folder": str(place)}
    return project.plugins.histories.create(use, settings, where)


def sync(project: Project, history: History, *, patience_s: float = 0.0) -> Synced:
    """Record everything that waits, and let aliases point where they do now.

    Stops at the first entry that the history cannot take in; a damaged entry is passed over. May
    be killed at any time and called again. Waits `patience_s` for another process that records.
    """
    outbox = Outbox(project.store)
    done = Synced(history.where())
    with outbox.alone(patience_s) as mine:
        done.busy = not mine
        if mine:
            _record(project, history, outbox, done)
    done.waiting = len(outbox.waiting())
    return done


def _record(project: Project, history: History, outbox: Outbox, done: Synced) -> None:
    state = _registry(project, done)
    if not outbox.waiting() and not state.aliases:
        return
    probe = history.probe()
    if not probe.ready:
        done.problem = probe.detail
        return
    recall = Recall(project)
    seen: set[str] = set()
    tested: Aliases = {}
    # Looked up anew each time: another process may bring an entry meanwhile and not wait for us.
    while entry := next((e for e in outbox.waiting() if e.id not in seen), None):
        seen.add(entry.id)
        try:
            record = recall.record(outbox, entry)
        except StoreError as error:
            done.notes.append(str(error))
            continue
        try:
            new = history.record(record)
            tested |= _tested(history, record)
        except PromptregError as error:
            done.problem = str(error)
            return
        outbox.remove(entry)
        done.recorded += new
        done.known += not new
        for run in record.runs:
            done.notes += [f"run {run.id}: {note}" for note in run.notes]
    try:
        _follow(project.suite.suite, history, state, tested, done)
    except PromptregError as error:
        done.problem = str(error)


def _follow(suite: str, history: History, state: State, tested: Aliases, done: Synced) -> None:
    """Record what moved in the template registry, and let aliases point where they do now."""
    known: set[str] | None = None
    for record in moves(state, suite):
        if known is None:
            known = {event.id for event in history.events(Wanted(suite))}
        if record.event is not None and record.event.id not in known:
            done.moves += history.record(record)
    aliases = tested | targets(state)
    if aliases:
        done.moved = history.point(suite, aliases)


def _tested(history: History, record: Record) -> Aliases:
    """Return what a comparison tested as `candidate`, if none in the history is newer."""
    comparison = record.comparison
    if comparison is None or comparison.synthetic:
        return {}
    found: Aliases = {}
    for template in candidates(record, comparison):
        newest = history.comparisons(Wanted(record.suite, template.name, limit=1))
        if newest and newest[0].id == comparison.id:
            found[template.name, CANDIDATE] = template
    return found


def _registry(project: Project, done: Synced) -> State:
    try:
        return open_journal(project.suite, project.base).read()
    except PromptregError as error:
        done.notes.append(f"aliases were not looked at: {error}")
        return State("")
