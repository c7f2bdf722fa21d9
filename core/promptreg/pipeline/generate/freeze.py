"""The folder of a fixture: data first, manifest last, then the name."""

from __future__ import annotations

import contextlib
import hashlib
import json
import platform
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import promptreg
from promptreg.errors import ExecutionError
from promptreg.pipeline.generate.made import Made
from promptreg.pipeline.generate.opened import Generation
from promptreg.pipeline.generate.prompts import add_prompts
from promptreg.pipeline.generate.vectors import MAP, Embedding
from promptreg.protocols import GenerationPlan
from promptreg.records import Json
from promptreg.rubrics import rubrics_yaml
from promptreg.stages.generate import (
    ID,
    coverage_markdown,
    measure,
    parquet_bytes,
)
from promptreg.stages.load import load_scenarios
from promptreg.store.fixture import EMBEDDINGS, Draft, FixtureManifest

__all__ = ["SCENARIOS", "freeze"]

SCENARIOS = "scenarios.parquet"
_REASONS = 50
_ATTRIBUTES = b"# manifest.json holds hashes: git must not change line ends.\n* -text\n"


def freeze(
    opened: Generation,
    plan: GenerationPlan,
    made: Made,
    draft: Draft,
    shaped: Mapping[str, Json],
    started: float,
    embedding: Embedding | None = None,
) -> FixtureManifest:
    """Write the folder and put it in its place."""
    suite = opened.suite
    coverage = measure(made.rows, plan, opened.entry.near_duplicates)
    if made.checks:
        coverage["checks"] = {name: list(found) for name, found in made.checks.items()}
    rows = add_prompts(suite, opened.path, made.rows, opened.entry.prompts)
    with draft:
        for row in rows:
            if isinstance(row.get("image_path"), str):
                row["image_path"] = _image(draft, Path(row["image_path"]))
        table = draft.write(Path(plan.table).name, parquet_bytes(rows))
        # Only what can be read back is a fixture.
        content = load_scenarios(
            table,
            cluster="family" if "family" in rows[0] else None,
            attributes=suite.attributes if suite else None,
        )
        truths = {str(r[ID]): r["ground_truth"] for r in rows if r.get("ground_truth") is not None}
        draft.write("ground_truth.json", _lines(truths))
        if getattr(opened.generator, "rubrics", True):
            draft.write("evaluation_rubrics.yaml", rubrics_yaml().encode())
        vectors = None if embedding is None else embedding.vectors(content)
        if embedding is not None and vectors is not None:
            draft.write(EMBEDDINGS, vectors.file)
            draft.write(MAP, embedding.drawing(content, vectors).encode())
            coverage["near_duplicates_by_embedding"] = embedding.likeness(content, vectors)
        draft.write("coverage.json", _json(coverage))
        draft.write("coverage.md", coverage_markdown(coverage).encode())
        draft.write(".gitattributes", _ATTRIBUTES)
        manifest = FixtureManifest(
            files=draft.facts(),
            created_at=datetime.now(UTC).replace(microsecond=0).isoformat(),
            generator={**shaped, "owner": opened.owner},
            scenarios={
                "count": len(rows),
                "columns": list(dict.fromkeys(name for row in rows for name in row)),
                "sha256": content.sha256,
            },
            counts={
                "planned": made.planned,
                "made": len(made.rows),
                "failed": made.failed,
                "replaced": made.replaced,
                "reasons": dict(made.reasons.most_common(_REASONS)),
                **({"checks": coverage["checks"]} if made.checks else {}),
            },
            cost={
                "calls": made.calls,
                "tokens": made.tokens,
                "cost": made.cost,
                "duration_s": round(time.monotonic() - started, 1),
            },
            models=list(plan.models),
            versions=_versions(getattr(opened.generator, "packages", ())),
            embeddings={} if vectors is None else vectors.facts,
        )
        draft.finish(manifest)
    return manifest


def _image(draft: Draft, path: Path) -> str:
    """Put an image into the folder, once, and return its name; scenarios read none outside."""
    try:
        data = path.read_bytes()
    except OSError as e:
        raise ExecutionError(f"{path}: cannot be read: {e.strerror or e}") from e
    name = f"images/{hashlib.sha256(data).hexdigest()[:16]}{path.suffix.lower()}"
    if not (draft.folder / name).exists():
        draft.write(name, data)
    return name


def _versions(packages: Sequence[str]) -> dict[str, str]:
    import pyarrow as pa

    found = {
        "promptreg": promptreg.__version__,
        "pyarrow": pa.__version__,
        "python": platform.python_version(),
    }
    for name in packages:
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _lines(truths: Mapping[str, Any]) -> bytes:
    """Return a JSON object with a line for each scenario, as differences are read by people."""
    compact = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
    lines = [f"{compact(name)}:{compact(truth)}" for name, truth in truths.items()]
    return ("{\n" + ",\n".join(lines) + "\n}\n").encode()
