"""Files of human labels that judges name: read and checked before anything is asked."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from promptreg.errors import DataError, did_you_mean
from promptreg.pipeline.project import Project
from promptreg.records import Scale
from promptreg.stages.load import Label, read_labels
from promptreg.stages.score import Plan, Scoring

__all__ = ["Labelled", "labelled_by", "labelled_metrics"]


@dataclass(frozen=True, slots=True)
class Labelled:
    """What people say of a judge's metrics.

    Attributes:
        name: of the file, as the suite has it.
        sha256: of its content.
        labels: those of the judge's metrics.
        metrics: the judge's.
        of_base: whether the policy is that of another revision. What a version's label stands for
            may have changed since; only a run's id says which answers were labelled.
    """

    name: str
    sha256: str
    labels: tuple[Label, ...]
    metrics: frozenset[str]
    of_base: bool = False


def labelled_by(project: Project, scoring: Scoring) -> tuple[Labelled, ...]:
    """Return the labels that the suite's judges name; of the revision whose policy decides.

    Raises:
        DataError: a file cannot be read, or a label fits no metric, or is off its scale; says
            file, place, value and what is allowed.
    """
    found = []
    scales = {scale.name: scale for scale in scoring.scales}
    for plan, name in _plans(scoring):
        labels, sha256 = _read(project, name, plan.who, scales)
        metrics = frozenset(scale.name for scale in plan.shown)
        own = tuple(label for label in labels if label.dimension in metrics)
        found.append(Labelled(name, sha256, own, metrics, project.past is not None))
    return tuple(found)


def labelled_metrics(scoring: Scoring) -> list[str]:
    """Return the metrics whose judges name labels."""
    return [scale.name for plan, _ in _plans(scoring) for scale in plan.shown]


def _plans(scoring: Scoring) -> Iterator[tuple[Plan, str]]:
    """Yield the judges that name a file of labels, with it."""
    for at in scoring.batched:
        plan = scoring.plan(at)
        name = getattr(plan.scorer, "labels", "")
        if name and not plan.effective:
            yield plan, name


def _read(
    project: Project, name: str, who: str, scales: Mapping[str, Scale]
) -> tuple[list[Label], str]:
    path = project.base / name
    data = project.past_bytes(name) if project.past_bytes is not None else None
    shown = path if data is None else path.with_name(f"{path.name} at the base")
    try:
        data = path.read_bytes() if data is None else data
    except (OSError, ValueError) as e:
        reason = getattr(e, "strerror", None) or e
        raise DataError(
            f"{project.path}: {who}: labels: {name!r}: cannot be read: {reason}; allowed: a file "
            "as 'promptreg judge agreement' takes it, relative to the suite"
        ) from e
    with tempfile.TemporaryDirectory(prefix="promptreg-") as folder:  # what is hashed is read
        copy = Path(folder) / f"labels{path.suffix}"
        copy.write_bytes(data)
        try:
            labels = read_labels(copy)
            _check(project, labels, scales)
        except DataError as e:
            told = str(e).replace(str(copy), str(shown))
            raise DataError(f"{project.path}: {who}: labels: {told}") from e
    return labels, hashlib.sha256(data).hexdigest()


def _check(project: Project, labels: Sequence[Label], scales: Mapping[str, Scale]) -> None:
    having: dict[str, list[str]] = {}
    for template, entry in project.suite.templates.items():
        for version in entry.versions:
            having.setdefault(version, []).append(template)
    for label in labels:
        scale = scales.get(label.dimension)
        if scale is None:
            near = did_you_mean(label.dimension, scales)
            raise DataError(
                f"{label.place}: dimension is {label.dimension!r}{near}; allowed: "
                f"{', '.join(scales)}"
            )
        if not scale.low <= label.label <= scale.high:
            raise DataError(
                f"{label.place}: label is {label.label:g}; allowed: {scale.low:g} to "
                f"{scale.high:g} ({scale.name})"
            )
        several = having.get(label.version, ())
        if not label.template and len(several) > 1:
            raise DataError(
                f"{label.place}: version is {label.version!r}, which several templates have "
                f"({', '.join(several)}); add a column 'template'"
            )
