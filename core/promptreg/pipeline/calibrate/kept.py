"""Calibrations that are kept: which fits a comparison, and what changed since."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from promptreg.pipeline.calibrate.document import Kept, read_document
from promptreg.pipeline.calibrate.report import CalibrationReport, report_json
from promptreg.pipeline.project import Project
from promptreg.policy import Policy
from promptreg.stages.compare import RunPair, between_providers
from promptreg.store.calibrations import read_calibrations, write_calibration
from promptreg.store.problems import running_version
from promptreg.verdicts import Calibration, CalibrationState

__all__ = ["GateTemplate", "Wanted", "calibration_of", "find", "keep"]


@dataclass(frozen=True, slots=True)
class GateTemplate:
    """One template of a gate: hashes of its versions' texts, hash of its scenarios.

    Where hashes are empty nothing is known of them, and nothing is compared.
    """

    texts: tuple[str, ...]
    scenarios: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a calibration must fit.

    Attributes:
        templates: what the gate judges, by name.
        fingerprints: what shapes its completions; names that are missing here are not compared.
        policy_sha256: the gate's policy; empty where it does not matter.
        looks: how often the gate looks at the most.
        together: whether the calibration must be of exactly these templates.
    """

    templates: Mapping[str, GateTemplate]
    fingerprints: Mapping[str, str]
    policy_sha256: str = ""
    looks: int = 1
    together: bool = True


def keep(project: Project, report: CalibrationReport) -> Path:
    """Store a calibration; an older one of the same things is replaced.

    Raises:
        StoreError: it cannot be written.
    """
    document = report_json(report)
    asked = [document[k] for k in ("suite", "templates", "fingerprints", "policy_sha256")]
    name = f"{report.templates[0].template}-{hashlib.sha256(repr(asked).encode()).hexdigest()[:12]}"
    return write_calibration(project.store, name, document)


def find(
    project: Project, wanted: Wanted, *, now: datetime | None = None
) -> tuple[Kept | None, tuple[str, ...], list[str]]:
    """Return the calibration that fits best, why it is stale, and warnings.

    A fresh one is preferred; else of those for the same templates the one with the fewest changes.

    Args:
        project: says where calibrations are and how old one may be.
        wanted: what it must fit.
        now: for tests.
    """
    warnings: list[str] = []
    best: tuple[Kept, tuple[str, ...]] | None = None
    for path, content, problem in read_calibrations(project.store):
        try:
            if problem:
                raise ValueError(problem)
            kept = read_document(content)
        except ValueError as e:
            warnings.append(
                f"calibration {path}: {e}; it is ignored, 'promptreg calibrate' makes another"
            )
            continue
        if kept.suite != project.suite.suite or not set(kept.templates) & set(wanted.templates):
            continue
        reasons = tuple(_stale(kept, wanted, project.suite.gate.calibration_days, now))
        if best is None or len(reasons) < len(best[1]):
            best = kept, reasons
    return (None, (), warnings) if best is None else (*best, warnings)


def calibration_of(
    project: Project, pairs: Sequence[RunPair], policy: Policy
) -> tuple[Calibration, list[str]]:
    """Return what is known of the error rates of the gate on these pairs, and warnings."""
    prints = dict(pairs[0].baseline.facts.fingerprints) if pairs else {}
    several = policy.looks.several
    if several:  # how much was asked is what the looks came to, and no change
        prints.pop("repeats", None)
    wanted = Wanted(
        templates={
            p.template: GateTemplate(
                (p.baseline.facts.template_sha256, p.candidate.facts.template_sha256),
                "" if several else p.baseline.facts.fingerprints.get("scenarios", ""),
            )
            for p in pairs
        },
        fingerprints=prints,
        policy_sha256=policy.without_more.of_runs.sha256,
        looks=policy.looks.looks,
    )
    kept, reasons, warnings = find(project, wanted)
    if kept is None:
        return Calibration(), warnings
    if policy.looks.more_repeats:  # its errors are bounded alike, but nobody simulated them
        reasons = (*reasons, "it is of gates that never ask for more, and this one may")
    if policy.pairs_gate:
        names = ", ".join(policy.pairs_gate)
        reasons = (*reasons, f"it is of gates without {names}, which gates here")
    if any(between_providers(p.baseline, p.candidate) for p in pairs):
        reasons = (*reasons, "it is of one provider against itself, and this compares two")
    found = Calibration(
        state=CalibrationState.STALE if reasons else CalibrationState.FRESH,
        reasons=tuple(reasons),
        created_at=kept.created_at,
        simulations=kept.simulations,
        false_alarm=kept.false_alarm,
        passed=kept.passed,
        power=kept.power,
    )
    return found, warnings


def _stale(kept: Kept, wanted: Wanted, days: int, now: datetime | None) -> Iterator[str]:
    if wanted.together and set(kept.templates) != set(wanted.templates):
        yield f"it is of the templates {', '.join(sorted(kept.templates))} together"
    for name in sorted(set(kept.templates) & set(wanted.templates)):
        then, gate = kept.templates[name], wanted.templates[name]
        if gate.texts and then.text not in gate.texts:
            yield f"template {name} changed since"
        if gate.scenarios and then.scenarios != gate.scenarios:
            yield (
                "scenarios changed since"
                if len(kept.templates) == 1
                else f"scenarios of {name} changed since"
            )
    if wanted.policy_sha256 and kept.policy_sha256 != wanted.policy_sha256:
        if kept.looks == wanted.looks:
            yield "policy changed since"
        else:
            looked, looks = _times(kept.looks), _times(wanted.looks)
            yield f"it is of gates that look {looked}, and this one looks {looks}"
    for name, value in sorted(wanted.fingerprints.items()):
        if name != "scenarios" and kept.fingerprints.get(name) != value:
            yield f"{name} changed since"
    if kept.version != running_version():
        yield f"promptreg changed since ({kept.version} to {running_version()})"
    age = (now or datetime.now(UTC)) - kept.made
    if age > timedelta(days=days):
        yield f"it is {age.days} days old (gate.calibration_days: {days})"


def _times(looks: int) -> str:
    return "once" if looks == 1 else f"up to {looks} times"
