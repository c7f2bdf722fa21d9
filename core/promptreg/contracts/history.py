"""The contract of histories."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from promptreg.contracts.past import hostile_record, sample_event, sample_record
from promptreg.contracts.values import one_line, secret_problems, shown
from promptreg.past import Past, Record, Wanted
from promptreg.protocols import History, Probe

__all__ = ["check_address", "check_history", "check_hostile", "check_memory", "check_removal"]

_SUITE = "contract"


def check_history(history: History) -> list[str]:
    """Return what an empty history does wrong, one line each; writes into it."""
    problems = check_address(history)
    return problems or check_memory(history) + check_removal(history) + check_hostile(history)


def check_address(history: History) -> list[str]:
    """Check `where()` and `probe()`; nothing is written."""
    try:
        where, probe = history.where(), history.probe()
    except Exception as e:  # noqa: BLE001 - a stranger's code may raise anything
        return [f"where() or probe() raised {one_line(e)}"]
    problems = list(secret_problems(where, "where()"))
    if not where.strip() or "\n" in where:
        problems.append(f"where() is {shown(where)}; allowed: one line of text")
    if not isinstance(probe, Probe):
        return [*problems, f"probe() is {shown(probe)}; allowed: a Probe"]
    return problems + list(secret_problems(probe.detail, "probe().detail"))


def check_memory(history: History) -> list[str]:
    """Check that what is recorded is there once, comes back as it was, and is found by filters."""
    with tempfile.TemporaryDirectory(prefix="promptreg-") as folder:
        try:
            return list(_memory(history, Path(folder)))
        except Exception as e:  # noqa: BLE001 - a stranger's code may raise anything
            return [f"raised {one_line(e)}"]


def _memory(history: History, folder: Path) -> Iterator[str]:
    records = [sample_record(folder, number) for number in (1, 2, 3)]
    for record in records:
        if history.record(record) is not True:
            yield "record() of something new did not return True"
    if history.record(records[0]) is not False:
        yield "record() of something known did not return False"
    wanted = Wanted(_SUITE)
    runs, past = history.runs(wanted), history.comparisons(wanted)
    yield from _same([r for c in records for r in c.runs], list(runs), "runs()")
    yield from _same([c.comparison for c in records], list(past), "comparisons()")
    newest = [c.created_at for c in past]
    if newest != sorted(newest, reverse=True):
        yield f"comparisons() come as of {shown(newest)}; the newest must come first"
    for label, got, expected in (
        ("limit=1", history.comparisons(replace(wanted, limit=1)), ["c0003"]),
        ("verdict='pass'", history.comparisons(replace(wanted, verdict="pass")), ["c0002"]),
        ("template='x'", history.comparisons(replace(wanted, template="x")), []),
        (
            "since the third",
            history.comparisons(replace(wanted, since="2026-04-01T00:00:00+00:00")),
            ["c0003"],
        ),
        ("another suite", history.comparisons(Wanted("nothing")), []),
    ):
        if [c.id for c in got] != expected:
            yield f"comparisons({label}) gives {[c.id for c in got]}; expected {expected}"
    yield from _files(history, records[0], past, runs, folder)
    yield from _events(history, folder)


def _events(history: History, folder: Path) -> Iterator[str]:
    """Check events; a history that keeps none takes none in."""
    given = [sample_event(number) for number in (7, 8)]
    taken = [history.record(record) for record in given]
    held = history.events(Wanted(_SUITE))
    if not any(taken) and not held:
        return
    if taken != [True, True] or history.record(given[0]) is not False:
        yield "record() of an event must return True once, and False from then on"
    yield from _same([record.event for record in given], list(held), "events()")
    if [e.id for e in held] != ["e0008", "e0007"]:
        yield f"events() gives {[e.id for e in held]}; the newest must come first"
    if len(history.events(Wanted(_SUITE, limit=1))) != 1 or history.events(Wanted(_SUITE, "x")):
        yield "events() does not keep to limit and template"
    for one in held:
        report = history.fetch(one, "report.json", folder / one.id)
        if report is None or report.read_text("utf-8") != '{"schema_version": "1"}\n':
            yield f"fetch() of report.json of event {one.id} gives another text than was recorded"


def _files(
    history: History,
    record: Record,
    past: Any,
    runs: Any,
    folder: Path,
) -> Iterator[str]:
    comparison, run = record.comparison, record.runs[0]
    assert comparison is not None  # noqa: S101 - samples have one
    assert run.table is not None  # noqa: S101
    held = next(c for c in past if c.id == comparison.id)
    report = history.fetch(held, "report.json", folder / "back")
    if report is None or report.read_text("utf-8") != comparison.report:
        yield "fetch() of report.json gives another text than was recorded"
    table = history.fetch(next(r for r in runs if r.id == run.id), "trials.parquet", folder / "b")
    if table is None or table.read_bytes() != run.table.read_bytes():
        yield "fetch() of trials.parquet gives other bytes than were recorded"
    if history.fetch(held, "trials.parquet", folder / "none") is not None:
        yield "fetch() of what was never recorded must return None"


def _same(given: Any, held: Any, what: str) -> Iterator[str]:
    by_id = {one.id: one for one in held}
    if len(held) != len(given) or set(by_id) != {one.id for one in given}:
        yield f"{what} gives {sorted(o.id for o in held)}; recorded {sorted(o.id for o in given)}"
        return
    for one in given:
        for name in _fields(one):
            before, after = _plain(getattr(one, name)), _plain(getattr(by_id[one.id], name))
            if before != after:
                yield f"{what}: {name} of {one.id} is {shown(after)}; recorded {shown(before)}"


def _fields(one: Past) -> list[str]:
    own = {"table", "manifest", "place", "report", "page"}
    return [name for name in type(one).__dataclass_fields__ if name not in own]


def _plain(value: Any) -> Any:
    """Return mappings and sequences such that order of names does not matter."""
    if hasattr(value, "items"):
        return sorted((k, _plain(v)) for k, v in value.items())
    if isinstance(value, (list, tuple)):
        return sorted((_plain(v) for v in value), key=repr)
    return value


def check_hostile(history: History) -> list[str]:
    """Check that odd names and texts neither fail nor get lost under one another."""
    with tempfile.TemporaryDirectory(prefix="promptreg-") as folder:
        try:
            record = hostile_record(Path(folder))
            history.record(record)
            found = {r.id: r for r in history.runs(Wanted(_SUITE))}
        except Exception as e:  # noqa: BLE001 - a stranger's code may raise anything
            return [f"hostile text: raised {one_line(e)}"]
    run = record.runs[0]
    held = found.get(run.id)
    if held is None:
        return [f"hostile text: run {run.id} is not there"]
    measure = held.measure("overall", ("story", "../../x=y'z"))
    if measure is None or measure.value != 0.125:
        return [f"hostile text: the slice story=../../x=y'z came back as {shown(measure)}"]
    return []


def check_removal(history: History) -> list[str]:
    """Check that what is removed is gone and nothing else, and may be recorded again."""
    with tempfile.TemporaryDirectory(prefix="promptreg-") as folder:
        try:
            return list(_removal(history, Path(folder)))
        except Exception as e:  # noqa: BLE001 - a stranger's code may raise anything
            return [f"raised {one_line(e)}"]


def _removal(history: History, folder: Path) -> Iterator[str]:
    record = sample_record(folder, 5)
    history.record(record)
    wanted = Wanted(_SUITE)
    before = {c.id for c in history.comparisons(wanted)}
    assert record.comparison is not None  # noqa: S101 - samples have one
    mine = [c for c in history.comparisons(wanted) if c.id == record.comparison.id]
    count = history.remove(mine)
    if count != 1:
        yield f"remove() of one comparison returned {count!r}"
    after = {c.id for c in history.comparisons(wanted)}
    if after != before - {record.comparison.id}:
        yield f"after remove() there are {sorted(after)}; before {sorted(before)}"
    if not {r.id for r in record.runs} <= {r.id for r in history.runs(wanted)}:
        yield "remove() of a comparison removed its runs, which were not named"
    if history.record(record) is not True:
        yield "what was removed could not be recorded again"
