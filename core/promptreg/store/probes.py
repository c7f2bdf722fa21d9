"""What providers last said of themselves, so that stored completions serve while one is away."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

__all__ = ["recall_probe", "remember_probe"]

_FILE = "probes.json"
_MAX_BYTES = 1_000_000


def remember_probe(root: Path, name: str, model: str, fingerprint: Mapping[str, Any]) -> None:
    """Keep a provider's word; a store that cannot be written is no reason to stop here."""
    known = _read(root)
    entry = {"model": model, "fingerprint": dict(fingerprint)}
    if known.get(name) == entry:
        return
    known[name] = entry
    part = root / f".{_FILE}.{os.getpid()}"
    with suppress(OSError, TypeError, ValueError):
        root.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(known, sort_keys=True), "utf-8")
        part.replace(root / _FILE)


def recall_probe(root: Path, name: str) -> tuple[str, dict[str, Any]] | None:
    """Return model and fingerprint as last said; None if never, or if the note is unreadable."""
    entry = _read(root).get(name)
    if not isinstance(entry, dict) or not isinstance(entry.get("fingerprint"), dict):
        return None
    return str(entry.get("model", "")), entry["fingerprint"]


def _read(root: Path) -> dict[str, Any]:
    path = root / _FILE
    try:
        if path.stat().st_size > _MAX_BYTES:
            return {}
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
