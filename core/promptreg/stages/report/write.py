"""Reports on their way to disk: the reporter by file name, the file whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from promptreg.errors import PluginError, PromptregError, StoreError, UsageError
from promptreg.protocols import Reporter
from promptreg.registry import Catalog, Entry
from promptreg.verdicts import Comparison

__all__ = ["Planned", "plan_reports", "write_reports", "write_whole"]


@dataclass(frozen=True, slots=True)
class Planned:
    """One report to write: where, by which reporter, and that reporter's name and owner."""

    path: Path
    reporter: Reporter
    name: str
    owner: str


def plan_reports(catalog: Catalog[Reporter], paths: Iterable[str | Path]) -> list[Planned]:
    """Return who writes each path, chosen by the longest ending that fits; writes nothing.

    To be called before any model call, so that a misspelt ending costs nothing.

    Raises:
        UsageError: no reporter serves the ending, or the path cannot be a file.
        PluginError: two reporters claim the same ending.
    """
    by_ending = _endings(catalog)
    planned = []
    for path in map(Path, paths):
        fitting = [e for e in by_ending if path.name.lower().endswith(e) and path.name != e]
        if not fitting:
            ending = f"ending {path.suffix!r}" if path.suffix else "no ending"
            there_are = ", ".join(sorted(by_ending)) or "none"
            raise UsageError(f"no reporter writes {str(path)!r} ({ending}); there are: {there_are}")
        if path.is_dir():
            raise UsageError(f"cannot write a report to {path}: it is a directory")
        entry = by_ending[max(fitting, key=len)]
        planned.append(Planned(path, catalog.create(entry.name, {}), entry.name, entry.owner))
    return planned


def _endings(catalog: Catalog[Reporter]) -> dict[str, Entry[Reporter]]:
    """Return the entry of every ending, lower case."""
    found: dict[str, Entry[Reporter]] = {}
    for entry in catalog:
        extensions = getattr(entry.factory, "extensions", None)
        if extensions is None:  # a factory function: only the object knows
            extensions = catalog.create(entry.name, {}).extensions
        for ending in extensions:
            key = ending.lower()
            if key in found:
                raise PluginError(
                    f"two reporters claim files that end in {key!r}: "
                    f"{found[key].name} ({found[key].owner}) and {entry.name} ({entry.owner})"
                )
            found[key] = entry
    return found


def write_reports(comparison: Comparison, planned: Sequence[Planned]) -> list[Path]:
    """Write every report, each whole or not at all, and return where they are.

    One that fails does not keep the others from being written.

    Raises:
        StoreError: a file could not be written (disk full, no permission).
        PluginError: a reporter raised.
    """
    written: list[Path] = []
    problems: list[PromptregError] = []
    for plan in planned:
        try:
            _write_one(comparison, plan)
            written.append(plan.path)
        except PromptregError as e:
            problems.append(e)
        except OSError as e:
            problems.append(_not_written(plan.path, e))
        except Exception as e:  # noqa: BLE001 - a stranger's reporter may raise anything
            problem = PluginError(
                f"reporter {plan.name!r} ({plan.owner}) could not write {plan.path}: "
                f"{type(e).__name__}: {e}"
            )
            problem.__cause__ = e
            problems.append(problem)
    if problems:
        kind = next((type(p) for p in problems if isinstance(p, StoreError)), type(problems[0]))
        raise kind("\n".join(str(p) for p in problems)) from problems[0]
    return written


def _write_one(comparison: Comparison, plan: Planned) -> None:
    """Let the reporter write beside the target, then put the file in its place."""
    target = Path(os.path.realpath(plan.path))
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists() and not target.is_file():  # a terminal or a pipe cannot be replaced
        with tempfile.TemporaryDirectory() as folder:
            draft = Path(folder) / plan.path.name
            plan.reporter.write(comparison, draft)
            with target.open("wb") as stream:
                stream.write(draft.read_bytes())
        return
    draft = target.with_name(f".{secrets.token_hex(6)}.{target.name[-120:]}")
    try:
        plan.reporter.write(comparison, draft)
        if not draft.is_file():
            raise PluginError(f"reporter {plan.name!r} ({plan.owner}) wrote no file")
        draft.replace(target)
    except StoreError as e:
        raise StoreError(str(e).replace(str(draft), str(plan.path))) from e
    finally:
        _discard(draft)


def write_whole(path: Path, data: bytes) -> None:
    """Write `data` to `path`, whole or not at all; for reporters.

    Raises:
        StoreError: the file could not be written; what was there before is still there.
    """
    draft = path.with_name(f".{secrets.token_hex(6)}.part")
    try:
        with draft.open("xb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(path)
    except OSError as e:
        raise _not_written(path, e, len(data)) from e
    finally:
        _discard(draft)


def _discard(draft: Path) -> None:
    with contextlib.suppress(OSError):  # what kept the file from being written may keep it here
        draft.unlink(missing_ok=True)


def _not_written(path: Path, error: OSError, size: int | None = None) -> StoreError:
    reason = error.strerror or str(error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        needed = "" if size is None else f"; {size:,} bytes are needed"
        reason = f"the disk is full{needed}; free some space and write the report again"
    return StoreError(f"report {path} was not written: {reason}; the run itself is kept")
