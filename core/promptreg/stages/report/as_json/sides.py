"""What was compared: both sides, how they were asked, and how they rank."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from typing import Any

from promptreg.stages.report.as_json.differences import by_side
from promptreg.stages.report.as_json.values import finite, numbers, plain
from promptreg.stages.report.text import clean
from promptreg.verdicts import Counts, Design, Pairwise, Ranking, Side

__all__ = ["counts_json", "design_json", "pairwise_json", "ranking_json", "side_json"]


def side_json(side: Side) -> dict[str, Any]:
    """Return `baseline` or `candidate`."""
    names = sorted(side.template_sha256)
    hashes = [side.template_sha256[name] for name in names]
    template_hash: str | None
    if len(names) > 1:
        lines = "\n".join(f"{n}:{h}" for n, h in zip(names, hashes, strict=True))
        template_hash = hashlib.sha256(lines.encode("utf-8", "replace")).hexdigest()
    else:
        template_hash = clean(hashes[0]) if hashes else None
    runs = [side.run_ids[name] for name in sorted(side.run_ids)]
    return {
        "label": clean(side.label),
        "template_hash": template_hash,
        "run_id": clean("+".join(runs)) if runs else None,
        "fingerprints": {clean(k): clean(v) for k, v in sorted(side.fingerprints.items())},
        "templates": {
            clean(name): {
                "template_hash": clean(side.template_sha256[name]),
                "run_id": clean(side.run_ids[name]) if name in side.run_ids else None,
            }
            for name in names
        },
    }


def counts_json(counts: Counts) -> dict[str, Any]:
    """Return `trials`: how many were planned, cached, called, and failed by cause."""
    sides = ("baseline", "candidate")
    causes = sorted({cause for side in sides for cause in counts.failed.get(side, {})})
    return {
        "planned": counts.planned,
        "cached": counts.cached,
        "called": counts.called,
        "failed": {
            clean(cause): {side: counts.failed.get(side, {}).get(cause, 0) for side in sides}
            for cause in causes
        },
        "failed_total": {side: sum(counts.failed.get(side, {}).values()) for side in sides},
        "prompt_tokens": counts.prompt_tokens,
        "completion_tokens": counts.completion_tokens,
        "judges": asdict(counts.judges),
    }


def design_json(design: Design | None) -> dict[str, Any]:
    """Return `design`: how scenarios were drawn for the sides."""
    if design is None:
        return {"kind": "paired", "label": "paired", "unit": None, "allocation": None}
    return {
        "kind": clean(design.kind),
        "label": clean(design.label),
        "unit": clean(design.unit),
        "allocation": [
            {
                "template": clean(a.template),
                "scenarios": by_side(a.scenarios),
                "units": by_side(a.units),
                "declared_share": finite(a.share),
                "observed_share": finite(a.units[1] / max(1, sum(a.units))),
                "p_value": finite(a.p_value),
                "balanced": a.balanced,
            }
            for a in design.allocations
        ],
    }


def ranking_json(ranking: Ranking) -> dict[str, Any]:
    """Return one entry of `rankings`."""
    return {
        "metric": clean(ranking.metric),
        "template": clean(ranking.template),
        "label": clean(ranking.label),
        "mean": finite(ranking.mean),
        "interval": numbers(ranking.interval),
        "best_rank": ranking.best_rank,
        "worst_rank": ranking.worst_rank,
    }


def pairwise_json(p: Pairwise) -> dict[str, Any]:
    """Return one entry of `pairwise`: answers of both sides held against each other."""
    return {
        "template": clean(p.template),
        "metric": clean(p.metric),
        "fingerprint": clean(p.fingerprint),
        "identity": plain(p.identity),
        "pairs": p.pairs,
        "won": finite(p.won),
        "lost": finite(p.lost),
        "tied": finite(p.tied),
        "same": p.same,
        "failed": p.failed,
        "gaps": p.gaps,
        "opinions": p.opinions,
        "order_dependent": p.swapped,
        "preferred_first": p.places[0],
        "preferred_second": p.places[1],
        "self_consistency": numbers(p.itself),
        "panel_agreement": numbers(p.panel),
    }
