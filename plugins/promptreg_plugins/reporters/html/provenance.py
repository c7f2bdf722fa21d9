"""Where the numbers come from: runs, fingerprints, policy, calibration, places."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from promptreg import numbers
from promptreg.stages.report import digest
from promptreg.stages.report.text import one_line
from promptreg.verdicts import Comparison

__all__ = ["provenance"]


def provenance(c: Comparison) -> dict[str, Any]:
    """Return what a reader who doubts the numbers looks for."""
    return {
        "facts_table": list(_facts(c)),
        "complete_case": digest.without_failed(c),
        "judge_note": any(d.kind == "ordinal" for d in c.differences),
        "calibration": digest.calibration_words(c),
        "rankings": [
            (
                one_line(r.metric, 40),
                f"{one_line(r.template, 40)}@{one_line(r.label, 40)}",
                numbers.number(r.mean),
                f"[{numbers.number(r.interval[0])}, {numbers.number(r.interval[1])}]",
                " to ".join(str(p) for p in sorted({r.best_rank, r.worst_rank})),
            )
            for r in c.rankings[:60]
        ],
    }


def _facts(c: Comparison) -> Iterable[tuple[str, str]]:
    yield "Provider", one_line(c.provider, 300)
    for title, side in (("Baseline", c.baseline), ("Candidate", c.candidate)):
        for name in sorted(side.template_sha256):
            run = one_line(side.run_ids.get(name, "-"), 120)
            sha = one_line(side.template_sha256[name], 64)
            label = f"{one_line(name, 60)}@{one_line(side.label, 60)}"
            yield title, f"{label}, run {run}, template SHA-256 {sha}"
    for name in sorted({*c.baseline.fingerprints, *c.candidate.fingerprints}):
        values = [side.fingerprints.get(name, "-") for side in (c.baseline, c.candidate)]
        both = values[:1] if values[0] == values[1] else values
        yield f"Fingerprint: {one_line(name, 40)}", " / ".join(one_line(v, 120) for v in both)
    yield "Policy SHA-256", one_line(c.policy_sha256, 64)
    yield "Alpha (two-sided)", f"{c.alpha:g}"
    yield "Made", one_line(c.created_at, 40)
