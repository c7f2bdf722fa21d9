"""Makes runs by hand, for tests of what comes after scoring."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from promptreg.records import Outcome, Run, RunFacts, Scale, ScoreColumn

IN_RANGE = Scale("in_range", "binary", margin=0.05)
DEVIATION = Scale(
    "deviation", "bounded", unit="points", high=100.0, direction="lower_is_better", margin=3.0
)
ANSWERED = Scale("answered", "binary", margin=0.05)
LATENCY = Scale(
    "latency",
    "count",
    unit="s",
    high=float("inf"),
    direction="lower_is_better",
    margin=1.10,
    statistic="signed_ranks",
)


def column(
    scale: Scale, values: ArrayLike, outcomes: ArrayLike | None = None, worst: float | None = None
) -> ScoreColumn:
    """Return a column of one repeat (or more, if values are two-dimensional)."""
    v = np.asarray(values, dtype=np.float64)
    v = v[:, None] if v.ndim == 1 else v
    o = np.zeros(v.shape, np.uint8) if outcomes is None else np.asarray(outcomes, np.uint8)
    o = o[:, None] if o.ndim == 1 else o
    v = np.where((o == Outcome.GAP) | (o == Outcome.NOT_APPLICABLE), np.nan, v)
    bad = scale.worst if worst is None else worst
    return ScoreColumn(
        scale, v, o, worst=np.full(len(v), np.nan if bad is None else bad, dtype=np.float64)
    )


def make_run(
    columns: Sequence[ScoreColumn],
    *,
    label: str = "v1",
    template: str = "basic",
    families: Sequence[str] | None = None,
    attributes: Mapping[str, Sequence[str]] | None = None,
    fingerprints: Mapping[str, str] | None = None,
    failures: Mapping[str, int] | None = None,
    synthetic: bool = False,
    partial: bool = False,
    absent: Sequence[str] = (),
) -> Run:
    """Return a run; scenario ids are s0000, s0001, ..."""
    n, repeats = columns[0].values.shape
    ids = tuple(f"s{i:04d}" for i in range(n))
    by_name = {c.scale.name: c for c in columns}
    if "answered" not in by_name:
        by_name["answered"] = column(ANSWERED, np.ones((n, repeats)))
    facts = RunFacts(
        suite="tests",
        template=template,
        label=label,
        template_sha256=f"hash of {label}",
        fingerprints=dict(fingerprints or {"scenarios": "a", "model": "m"}),
        partial=partial,
        synthetic=synthetic,
        provider="recorded",
        created_at="2026-01-21T10:00:00+00:00",
    )
    return Run(
        id=f"{template}-{label}-0",
        facts=facts,
        scenario_ids=ids,
        families=tuple(families or ids),
        attributes={k: tuple(v) for k, v in (attributes or {}).items()},
        repeats=repeats,
        columns=by_name,
        counts={"planned": n * repeats},
        failures=dict(failures or {}),
        absent=tuple(absent),
    )
