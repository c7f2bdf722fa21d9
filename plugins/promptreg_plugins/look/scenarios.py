"""A scenario as text: what both versions answered, cut so that pages stay small."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from promptreg import numbers
from promptreg.stages.report.answers import split_answer
from promptreg.stages.report.as_json import finite
from promptreg.stages.report.digest import TREATMENTS, treatment_of
from promptreg.stages.report.plots.changes import risk_range, risk_score
from promptreg.stages.report.text import clean, one_line
from promptreg.verdicts import ScenarioChange, SideTrial

__all__ = ["ScenarioRow", "SideView", "expected_words", "scenario_row"]


@dataclass(frozen=True, slots=True)
class SideView:
    """What one version did, as text."""

    label: str
    failure: str
    values: tuple[tuple[str, str], ...]
    texts: tuple[tuple[str, str], ...]
    treatment: str
    scores: tuple[tuple[str, str, float | int, bool], ...]
    """Name, words, value, and whether the other version's differs."""
    unscored: tuple[str, ...]
    latency: str
    thinking: str
    text: str
    prompt: str


@dataclass(frozen=True, slots=True)
class ScenarioRow:
    """One scenario, as text; numbers for sorting beside it."""

    template: str
    id: str
    family: str
    attributes: tuple[tuple[str, str], ...]
    truth: tuple[tuple[str, str], ...]
    expected: str
    change: float | int | None
    change_text: str
    tone: str
    before: str
    after: str
    before_sort: float | None
    after_sort: float | None
    failed: bool
    sides: tuple[SideView, SideView]
    neighbours: tuple[str, ...]


def scenario_row(c: ScenarioChange, labels: tuple[str, str], limit: int) -> ScenarioRow:
    """Return a scenario as text; at most `limit` characters of each long one."""
    change = finite(c.change)
    tone = "" if not change else "bad" if change < 0 else "good"
    short, long = split_answer(c.ground_truth, limit)
    return ScenarioRow(
        template=one_line(c.template, 60),
        id=one_line(c.scenario_id, 120),
        family=one_line(c.family, 120),
        attributes=tuple((one_line(k, 40), one_line(v, 60)) for k, v in c.attributes.items()),
        truth=(*short, *long),
        expected=expected_words(c.ground_truth),
        change=change,
        change_text="-" if change is None else f"{change:+.3f}" if change else "0",
        tone=tone,
        before=_short(c.baseline),
        after=_short(c.candidate),
        before_sort=risk_score(c.baseline),
        after_sort=risk_score(c.candidate),
        failed=bool(c.baseline.failure or c.candidate.failure),
        sides=(
            _side(c.baseline, c.candidate, labels[0], limit),
            _side(c.candidate, c.baseline, labels[1], limit),
        ),
        neighbours=tuple(f"{one_line(name, 80)} ({near:.2f})" for name, near in c.neighbours[:5]),
    )


def expected_words(ground_truth: Mapping[str, object]) -> str:
    """Return the expected range of the risk score: `20 to 60`; empty where there is none."""
    span = risk_range(ground_truth)
    return f"{span[0]:g} to {span[1]:g}" if span else ""


def _short(trial: SideTrial) -> str:
    """Return an answer in a word or two."""
    if trial.failure:
        return f"failed: {one_line(trial.failure.split(':', 1)[0], 24)}"
    values, _ = split_answer(trial.answer, 64)
    return " ".join(value for _, value in values[:2]) or one_line(trial.text, 24) or "answered"


def _remarks(trial: SideTrial, limit: int) -> Iterator[tuple[str, str]]:
    """Yield what judges said, once for all metrics it was said about."""
    about: dict[str, list[str]] = {}
    for metric, said in trial.remarks.items():
        about.setdefault(said, []).append(one_line(metric, 40))
    for said, metrics in list(about.items())[:20]:
        more = f" and {len(metrics) - 2} more" if len(metrics) > 2 else ""
        yield f"judge on {', '.join(metrics[:2])}{more}", clean(said, limit)


def _differs(value: float, other: float | None) -> bool:
    """Return whether the other version has another score; one that has none does not differ."""
    return other is not None and other != value


def _side(trial: SideTrial, other: SideTrial, label: str, limit: int) -> SideView:
    values, texts = split_answer(trial.answer, limit)
    unread = bool(trial.failure) or not trial.answer  # else the fields say the same as the text
    known = {name: finite(value) for name, value in sorted(trial.scores.items())[:40]}
    failed = bool(trial.failure)
    cause = trial.failure.split(":", 1)[0]
    return SideView(
        label=label,
        failure=clean(trial.failure, limit),
        values=tuple(values),
        texts=(*texts, *_remarks(trial, limit)),
        treatment=TREATMENTS[treatment_of(cause)] if failed else "",
        scores=tuple(
            (
                one_line(name, 40),
                numbers.score(value),
                value,
                _differs(value, other.scores.get(name)),
            )
            for name, value in known.items()
            if value is not None
        ),
        # Of a failed trial nothing is scored, and what it counts as is said beside the cause.
        unscored=tuple(
            one_line(name, 40) for name, value in known.items() if value is None and not failed
        ),
        latency=numbers.duration(trial.latency_s) if trial.latency_s is not None else "",
        thinking=clean(trial.thinking, limit),
        text=clean(trial.text, limit) if unread else "",
        prompt=clean(trial.prompt, limit),
    )
