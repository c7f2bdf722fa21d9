"""What a run is called, and what its folder is called until it is finished."""

from __future__ import annotations

import hashlib
import re
import shutil
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from promptreg.records import RunFacts, Scale
from promptreg.store.owners import started

__all__ = ["WRITING", "run_id", "sweep"]

WRITING = ".writing-"
"""Begins the name of a folder that is being written; the number of the process follows."""

_STALE_S = 86_400


def run_id(
    facts: RunFacts,
    repeats: int,
    attributes: Sequence[str],
    scales: Sequence[Scale],
    trials: Iterable[bytes],
) -> str:
    """Return `<template>-<label>-<10 hex digits>`, derived from the content of a run.

    Args:
        facts: all count but what is said for people and when it was finished.
        repeats: askings per scenario.
        attributes: names.
        scales: of the metrics.
        trials: one digest each, in any order.
    """
    told = (
        *(facts.suite, facts.template, facts.label, facts.template_sha256),
        *(facts.partial, facts.synthetic, repeats),
        sorted(facts.fingerprints.items()),
        tuple(attributes),
        # Without the margin: it says how versions are compared, not what was measured.
        [repr(replace(scale, margin=None)) for scale in scales],
    )
    digest = hashlib.sha256(repr(told).encode())
    for trial in sorted(trials):
        digest.update(trial)
    return f"{_word(facts.template)}-{_word(facts.label)}-{digest.hexdigest()[:10]}"


def _word(name: str) -> str:
    """Return a name as part of a folder's name: no separators, no leading dot, not too long."""
    return re.sub(r"[^A-Za-z0-9._]+", "-", name).strip("-.")[:40] or "x"


def sweep(runs: Path) -> None:
    """Remove what processes that are gone left unfinished, more than a day ago."""
    for folder in runs.glob(f"{WRITING}*"):
        pid = folder.name.removeprefix(WRITING).split("-")[0]
        try:
            stale = time.time() - folder.stat().st_mtime > _STALE_S
        except OSError:
            continue  # another process swept it
        if stale and pid.isdigit() and started(int(pid)) is None:
            shutil.rmtree(folder, ignore_errors=True)
