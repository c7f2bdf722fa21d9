"""A bisection as plain JSON values: what `--json` prints and `-o x.json` holds."""

from __future__ import annotations

from typing import Any

from promptreg.pipeline.bisect.plan import BisectPlan
from promptreg.pipeline.bisect.result import Bisection
from promptreg.pipeline.bisect.tester import Tested
from promptreg.pipeline.bisect.words import headline, piece_diff, reasons, state_diff
from promptreg.stages.bisect import Edit, Outcome, Parts
from promptreg.stages.load import State
from promptreg.stages.report.as_json import difference_json, finite
from promptreg.stages.report.text import clean

__all__ = ["bisection_json", "plan_json"]

_TEXT = 20_000


def bisection_json(b: Bisection) -> dict[str, Any]:
    """Return a bisection as JSON values; `found` is `none` where nothing regressed."""
    return {
        "schema_version": "1",
        "suite": clean(b.suite),
        "template": clean(b.template),
        "good": clean(b.good),
        "bad": clean(b.bad),
        "searched": "commits" if b.states else "hunks",
        "found": _found(b),
        "named": b.named,
        "exit_code": int(b.exit_code),
        "headline": headline(b),
        "reasons": list(reasons(b)),
        "targets": [difference_json(d) for d in b.targets],
        "ends": [difference_json(d) for d in b.ends],
        **_edit(b.edit, b.parts),
        **_finding(b),
        **_commits(b),
        "tests": [_test(t) for t in b.tests],
        "tests_at_most": b.most,
        "alpha": finite(b.alpha),
        "level": finite(b.level),
        "scenarios_needed": b.scenarios_needed,
        "trials": {
            "planned": b.spending.planned,
            "cached": b.spending.cached,
            "called": b.spending.called,
        },
        "cost": finite(b.spending.cost),
        "provider": clean(b.provider),
        "synthetic": b.synthetic,
        "duration_s": finite(b.duration_s),
        "warnings": [clean(w) for w in b.warnings],
    }


def plan_json(plan: BisectPlan) -> dict[str, Any]:
    """Return a plan as JSON values."""
    return {
        "template": clean(plan.template),
        "good": clean(plan.good),
        "bad": clean(plan.bad),
        "searched": "commits" if plan.states else "hunks",
        **_edit(plan.edit, plan.parts),
        "commits": [_state(s, None) for s in plan.states],
        "tests_at_most": plan.tests_at_most,
        "level": finite(plan.level),
        "texts": [
            {
                "label": clean(t.label),
                "trials": t.trials,
                "cached": t.cached,
                "calls": t.calls,
                "problem": clean(t.problem) or None,
            }
            for t in plan.texts
        ],
        "calls_at_most": plan.calls_at_most,
        "notes": [clean(note) for note in plan.notes],
    }


def _found(b: Bisection) -> str:
    if b.commits is not None:
        if not b.commits.named:
            return "unclear"
        return "single" if len(b.commits.boundaries) == 1 else "several"
    return str(b.finding.kind) if b.finding is not None else "none"


def _edit(edit: Edit | None, parts: Parts | None) -> dict[str, Any]:
    if edit is None or parts is None:
        return {"split": None, "hunks": [], "inseparable": []}
    return {
        "split": edit.level,
        "hunks": [
            {
                "number": p.number,
                "old_line": p.old_line,
                "new_line": p.new_line,
                "diff": clean("\n".join(piece_diff(p)), _TEXT),
            }
            for p in edit.pieces
        ],
        "inseparable": [sorted(unit) for unit in parts.units if len(unit) > 1],
    }


def _finding(b: Bisection) -> dict[str, Any]:
    f, parts = b.finding, b.parts
    if f is None or parts is None:
        return {"culprits": [], "proofs": [], "among": [], "mended": []}
    return {
        "culprits": [sorted(parts.pieces(units)) for units in f.culprits],
        "proofs": [clean(proof.label) if proof else None for proof in b.proofs],
        "among": sorted(parts.pieces(f.among)),
        "mended": sorted(parts.pieces(f.mended)),
    }


def _commits(b: Bisection) -> dict[str, Any]:
    found = b.commits.boundaries if b.commits is not None else ()
    return {
        "commits": [
            _state(state, b.states[i - 1] if i else None) for i, state in enumerate(b.states)
        ],
        "boundaries": [
            {
                "good": b.states[x.good].commit.hash,
                "bad": b.states[x.bad].commit.hash,
                "exact": x.exact,
            }
            for x in found
        ],
    }


def _state(state: State, before: State | None) -> dict[str, Any]:
    c = state.commit
    return {
        "hash": c.hash,
        "date": clean(c.date, 100),
        "author": clean(c.author, 200),
        "subject": clean(c.subject, 500),
        "source": clean(state.template.source) if state.template else None,
        "problem": clean(state.problem) or None,
        "diff": clean("\n".join(state_diff(before, state)), _TEXT) if before else None,
    }


def _test(t: Tested) -> dict[str, Any]:
    return {
        "label": clean(t.label),
        "outcome": str(t.outcome),
        "asked": bool(t.lines) and not t.note and t.outcome is not Outcome.BROKEN,
        "note": clean(t.note) or None,
        "lines": [difference_json(d) for d in t.lines],
    }
