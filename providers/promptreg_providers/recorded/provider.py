"""The provider `recorded`: looks completions up in a file."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from promptreg import Call, CallError, Cause, Completion, Probe
from promptreg.errors import DataError
from promptreg.records import Json
from promptreg_providers.recorded.rows import Key, Row, read_row
from promptreg_providers.recorded.tables import rows_of

__all__ = ["Recorded"]


class Recorded:
    """Recorded completions: production logs, shadow runs, other tools' output; no model is asked.

    Columns: `scenario_id`, `version`, `text`; optional `template`, `repeat` (0), `error`,
    `latency_s`, `prompt_tokens`, `completion_tokens`, `model`, `finish`, `score.NAME`. Others are
    ignored. A row with an `error` is a failed trial. Where a row names no template, it serves all.

    Args:
        path: a `.jsonl`, `.csv` or `.parquet` file, or several.
        sampling: how the completions were made, if known; only kept in the run's fingerprints.
        api_key_env: has no effect; accepted so that a suite can switch providers.
    """

    synthetic: ClassVar[bool] = False
    cacheable: ClassVar[bool] = False

    def __init__(
        self,
        path: str | list[str],
        sampling: Mapping[str, Any] | None = None,
        api_key_env: str | None = None,
    ) -> None:
        self._paths = [Path(p) for p in ([path] if isinstance(path, str) else path)]
        if not self._paths:
            raise ValueError("path: names no file")
        for file in self._paths:
            if not file.is_file():
                found = "is no file" if file.exists() else "does not exist"
                raise DataError(f"recorded completions: {file} {found}")
        self._sampling = dict(sampling or {})
        self._rows: dict[Key, Row] | None = None
        self._sha256: list[str] = []

    def identity(self) -> Mapping[str, Json]:
        """Return the kind and the hash of each file's content.

        Raises:
            DataError: a file cannot be read.
        """
        if not self._sha256:
            self._sha256 = sorted(_sha256(file) for file in self._paths)
        return {"kind": "recorded", "content_sha256": self._sha256, "sampling": self._sampling}

    async def complete(self, call: Call) -> Completion:
        """Return the recorded completion.

        Raises:
            CallError: a failure was recorded (with its cause), or nothing was (`missing`).
            DataError: a file is broken.
        """
        rows = self._loaded()
        key: Key = (call.template, call.version, call.scenario_id, call.repeat)
        row = rows.get(key) or rows.get((None, *key[1:]))
        if row is None:
            raise CallError(
                Cause.MISSING,
                f"no row for version {call.version!r}, scenario {call.scenario_id!r}, "
                f"repeat {call.repeat}"
                + (f", template {call.template!r}" if call.template else ""),
            )
        if row.error:
            cause, detail, status = row.failure()
            raise CallError(cause, detail, status=status)
        return Completion(
            text=row.text,
            finish=row.finish,
            model=row.model,
            latency_s=row.latency_s,
            prompt_tokens=row.prompt_tokens,
            completion_tokens=row.completion_tokens,
            scores=row.scores,
            extra={"lone_surrogates": row.mended} if row.mended else {},
        )

    async def probe(self) -> Probe:
        """Return how many rows there are, and of which versions.

        Raises:
            DataError: a file is broken.
        """
        rows = self._loaded()
        names = ", ".join(str(file) for file in self._paths)
        versions = sorted({key[1] for key in rows})
        shown = ", ".join(versions[:8]) + (", ..." if len(versions) > 8 else "")
        if not rows:
            return Probe(False, f"{names}: holds no recorded completions")
        return Probe(True, f"{names}: {len(rows):,} recorded completions of {shown}")

    async def aclose(self) -> None:
        """Release nothing."""

    def _loaded(self) -> dict[Key, Row]:
        if self._rows is None:
            self._rows = _load(self._paths)
        return self._rows


def _load(paths: list[Path]) -> dict[Key, Row]:
    """Return all rows by key.

    Raises:
        DataError: a row is broken, or two rows are of the same trial.
    """
    rows: dict[Key, Row] = {}
    places: dict[Key, tuple[Path, int]] = {}
    for path in paths:
        for number, cells in rows_of(path):
            key, row = read_row(cells, f"{path}:{number}")
            if key in rows:
                other, line = places[key]
                raise DataError(
                    f"{path}:{number} and {other}:{line} are of the same trial: version "
                    f"{key[1]!r}, scenario {key[2]!r}, repeat {key[3]}"
                    + (f", template {key[0]!r}" if key[0] else "")
                )
            rows[key] = row
            places[key] = (path, number)
    return rows


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as e:
        raise DataError(f"{path}: cannot be read: {e.strerror or e}") from e
