"""A model whose true effects are known, and gates on what it answers.

Every gate meets new scenarios and new answers; prompts are rendered, answers are read and scored,
runs are compared and decided by the code that users run. Only calling and storing are left out.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from promptreg.discovery import Plugins, load_plugins
from promptreg.pipeline.conclude import resampling_seed
from promptreg.pipeline.parts import make_scoring, policy_for, told
from promptreg.pipeline.project import Options, Project, open_project
from promptreg.pipeline.versions import lookup, make_version
from promptreg.policy import OVERALL
from promptreg.records import Completion, Failure, Run, RunFacts, Scenario, ScoreColumn, Trial
from promptreg.stages.compare import RunPair, check_limits, compare_pairs
from promptreg.stages.gate import decide_gate
from promptreg.stages.load import RunRef
from promptreg.stages.parse import AnswerReader
from promptreg.stages.render import render
from promptreg.verdicts import Difference, Gate, GateVerdict, Verdict
from suite_factory import RANGES, scenarios, write_suite

__all__ = ["SETTINGS", "GateCounts", "KnownGate", "Setting"]

MARGIN = 0.05
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Setting:
    """What is true, and how large the suite is.

    Attributes:
        name: for people.
        n, repeats, families: size; 0 families: every scenario is one of its own.
        lost: share of the candidate's answers that cannot be read.
        worsening: true drop of `overall`, by rare and large losses: in so many of the candidate's
            trials as that takes, every metric of the composite is at its worst.
        duller: true drop of `overall`, by frequent and small losses: in so many of the candidate's
            trials as that takes, no key point is named.
        slice_broken: share of the candidate's answers to threats that score them far too low.
        slower: factor on the candidate's latency.
    """

    name: str
    n: int = 100
    repeats: int = 1
    families: int = 0
    lost: float = 0.0
    worsening: float = 0.0
    duller: float = 0.0
    slice_broken: float = 0.0
    slower: float = 1.0


SETTINGS: Mapping[str, Setting] = {
    "unchanged": Setting("unchanged"),
    "repeats": Setting("unchanged, 3 repeats", repeats=3),
    "families": Setting("unchanged, 20 families", families=20),
    "margin": Setting("worse by the margin, 20 % of answers a little", duller=MARGIN),
    "twice": Setting("worse by twice the margin, 40 % a little", duller=2 * MARGIN),
    "rare": Setting("worse by the margin, 6 % of answers entirely", worsening=MARGIN),
    "rare_twice": Setting("worse by twice the margin, 12 % entirely", worsening=2 * MARGIN),
    "failures": Setting("9 % new failures", n=300, lost=0.09),
    "slice": Setting("threats scored far too low in half", n=200, slice_broken=0.5),
    "slower": Setting("latency +30 %", n=150, slower=1.3),
}


@dataclass(slots=True)
class GateCounts:
    """What gates said."""

    gates: int = 0
    failed: int = 0
    passed: int = 0
    inconclusive: int = 0
    alarms: int = 0
    """Something is said to have regressed."""
    accused: int = 0
    """Something is said to have changed, either way."""
    by_metric: dict[str, int] = field(default_factory=dict)

    def add(self, differences: tuple[Difference, ...], gate: Gate) -> None:
        """Count one."""
        self.gates += 1
        self.failed += gate.verdict is GateVerdict.FAIL
        self.passed += gate.verdict is GateVerdict.PASS
        self.inconclusive += gate.verdict is GateVerdict.INCONCLUSIVE
        worse = [d for d in differences if d.gating and d.verdict is Verdict.REGRESSED]
        better = [d for d in differences if d.gating and d.verdict is Verdict.IMPROVED]
        self.alarms += bool(worse)
        self.accused += bool(worse or better)
        for name in {d.metric + (" (threat)" if d.slice else "") for d in worse}:
            self.by_metric[name] = self.by_metric.get(name, 0) + 1


@dataclass(frozen=True, slots=True)
class _Side:
    """Answers of one version, each of shape (n, repeats)."""

    texts: list[list[str]]
    latency: Floats
    tokens: NDArray[np.int64]


class KnownGate:
    """One suite of a setting, and any number of gates on it.

    Args:
        folder: where the suite is written.
        setting: what is true.
        seed: of everything drawn.
        draws: flips of each gate.
        plugins: loaded ones, to save time.
    """

    def __init__(
        self,
        folder: Path,
        setting: Setting,
        *,
        seed: int,
        draws: int = 999,
        plugins: Plugins | None = None,
    ) -> None:
        self.setting, self.seed = setting, seed
        rows = [dict(row) for row in scenarios(setting.n)]
        for i, row in enumerate(rows):
            row["family"] = f"f{i // 4 % setting.families}" if setting.families else row["id"]
        self.folder = write_suite(
            folder,
            rows=rows,
            provider={"use": "recorded", "path": "completions.jsonl"},
            scorers=[
                {"use": name}
                for name in ("risk_range", "risk_level", "key_points", "latency", "tokens")
            ],
            cluster="family",
            repeats=setting.repeats,
            gate={
                "guard": [{"metric": "in_range", "where": {"scenario_type": "threat"}}],
                "margins": {OVERALL: MARGIN},
                "draws": draws,
            },
        )
        self.project: Project = open_project(str(self.folder), plugins or load_plugins())
        options = Options()
        found = self.project.scenarios(options)
        self.scenarios: tuple[Scenario, ...] = tuple(sorted(found.scenarios, key=lambda s: s.id))
        self.scoring = make_scoring(self.project)
        self.policy = policy_for(self.project, self.scoring, found, options)
        self.reader = AnswerReader(self.project.suite.answer)
        self._worst = [self.scoring.worst(s) for s in self.scenarios]

    def gates(self, count: int, first: int = 0) -> GateCounts:
        """Return what so many gates say."""
        counts = GateCounts()
        for number in range(first, first + count):
            differences, gate = self.gate(number)
            counts.add(differences, gate)
        return counts

    def gate(self, number: int) -> tuple[tuple[Difference, ...], Gate]:
        """Return one gate's differences and decision."""
        sides = self.answers(number)
        runs = [self._run(label, side) for label, side in zip(("v1", "v2"), sides, strict=True)]
        pairs = [RunPair("basic", runs[0], runs[1])]
        differences = compare_pairs(pairs, self.policy, seed=resampling_seed(pairs) + number)
        limits = check_limits(pairs, self.policy)
        return differences, decide_gate(differences, limits, self.policy, synthetic=False)

    def recorded(self, number: int) -> Iterator[dict[str, Any]]:
        """Yield a gate's answers as recorded completions."""
        for label, side in zip(("v1", "v2"), self.answers(number), strict=True):
            for i, scenario in enumerate(self.scenarios):
                for r in range(self.setting.repeats):
                    yield {
                        "scenario_id": scenario.id,
                        "version": label,
                        "repeat": r,
                        "text": side.texts[i][r],
                        "latency_s": float(side.latency[i, r]),
                        "prompt_tokens": 200,
                        "completion_tokens": int(side.tokens[i, r]),
                    }

    def answers(self, number: int) -> tuple[_Side, _Side]:
        """Return both versions' answers in one gate, the same every time."""
        rng = np.random.default_rng((self.seed, number))
        s, shape = self.setting, (self.setting.n, self.setting.repeats)
        # Scenarios are hard or easy, and each version finds some harder than the other does; in
        # families that is shared. Both versions draw alike, so on average nothing differs.
        own = rng.normal(0, 1, s.n) + 0.0
        groups = np.arange(s.n) // 4 % s.families if s.families else np.arange(s.n)
        shared = rng.normal(0, 1, (3, s.n))[:, groups]
        ease = (own + shared[0]) / math.sqrt(2)
        sides = []
        for v in (0, 1):
            taste = ease + 0.4 * shared[1 + v]
            inside = rng.random(shape) < _logistic(1.6 + taste)[:, None]
            level = rng.random(shape) < 0.95
            points = rng.random((*shape, 2)) < _logistic(1.2 + taste)[:, None, None]
            chance = rng.random(shape)
            worst = (chance < self._share("worsening", OVERALL, 1.0)) & (v == 1)
            dull = (chance < self._share("duller", "key_points", 1 / 3)) & (v == 1)
            points &= ~dull[:, :, None]
            lost = rng.random(shape) < 0.01 + (s.lost if v else 0.0)
            broken = (rng.random(shape) < s.slice_broken) & (v == 1)
            where = rng.random(shape)
            texts = [
                [
                    self._text(
                        i,
                        bool(inside[i, r]),
                        bool(level[i, r]),
                        points[i, r],
                        float(where[i, r]),
                        worst=bool(worst[i, r]),
                        lost=bool(lost[i, r]),
                        broken=bool(broken[i, r]),
                    )
                    for r in range(s.repeats)
                ]
                for i in range(s.n)
            ]
            latency = np.exp(1.0 + 0.3 * own[:, None] + rng.normal(0, 0.25, shape))
            tokens = np.rint(np.exp(4.5 + 0.2 * own[:, None] + rng.normal(0, 0.2, shape)))
            sides.append(_Side(texts, latency * (s.slower if v else 1.0), tokens.astype(np.int64)))
        return sides[0], sides[1]

    def _share(self, effect: str, metric: str, weight: float) -> float:
        """Return in which share of trials a metric must be at its worst for the true drop.

        Args:
            effect: name of the setting's field: the drop of `overall`.
            metric: what is at its worst then.
            weight: its weight in `overall`.
        """
        drop = float(getattr(self.setting, effect))
        return (
            drop / (weight * true_means(self.folder, self.project.plugins)[metric]) if drop else 0.0
        )

    @staticmethod
    def _text(
        i: int,
        inside: bool,
        level: bool,
        points: NDArray[np.bool_],
        where: float,
        *,
        worst: bool,
        lost: bool,
        broken: bool,
    ) -> str:
        low, high = RANGES[i % 4]
        if lost:
            return "Sorry, I cannot say."
        score = round(low + where * (high - low))
        if broken and i % 4 == 2:
            score = round(20 + 30 * where)
        elif worst:
            score = 0 if low > 100 - high else 100
        elif not inside:
            room = (max(0, low - 30), low - 1) if low > 100 - high else (high + 1, high + 30)
            score = min(100, round(room[0] + where * (room[1] - room[0])))
        right = next(
            word
            for limit, word in ((30, "low"), (60, "medium"), (85, "high"), (101, "critical"))
            if score < limit
        )
        wrong = "critical" if right == "low" else "low"
        named = [] if worst else [w for w, m in zip(("door", "package"), points, strict=True) if m]
        return json.dumps(
            {
                "risk_score": score,
                "risk_level": right if level and not worst else wrong,
                "summary": "Seen.",
                "reasoning": f"There is {' and '.join(named) or 'nothing'}.",
            }
        )

    def _run(self, label: str, side: _Side) -> Run:
        found = lookup(self.project, label, Options())
        assert not isinstance(found, RunRef)
        version = make_version(self.project, found["basic"], self.scenarios)
        shape = (self.setting.n, self.setting.repeats)
        values = {s.name: np.full(shape, np.nan) for s in self.scoring.scales}
        outcomes = {s.name: np.zeros(shape, np.uint8) for s in self.scoring.scales}
        for i, scenario in enumerate(self.scenarios):
            for r in range(self.setting.repeats):
                prompt = render(version.renderer, scenario)
                trial = Trial(version.template, scenario, r, prompt)
                trial.completion = Completion(
                    side.texts[i][r],
                    latency_s=float(side.latency[i, r]),
                    prompt_tokens=200,
                    completion_tokens=int(side.tokens[i, r]),
                )
                read = self.reader.read(trial.completion)
                if isinstance(read, Failure):
                    trial.failure = read
                else:
                    trial.answer = read
                for name, (value, outcome) in told(self.scoring, trial).items():
                    values[name][i, r] = np.nan if value is None else value
                    outcomes[name][i, r] = outcome
        columns = {}
        for scale in self.scoring.scales:
            end = np.nan if scale.worst is None else scale.worst
            worst = np.array([facts.get(scale.name, end) for facts in self._worst], np.float64)
            name = scale.name
            columns[name] = ScoreColumn(scale, values[name], outcomes[name], worst)
        names = sorted({a for s in self.scenarios for a in s.attributes})
        facts = RunFacts(
            suite=self.project.suite.suite,
            template="basic",
            label=label,
            template_sha256=version.template.sha256,
            fingerprints={},
            partial=False,
            synthetic=False,
            provider="known effects",
            created_at="",
        )
        return Run(
            id=label,
            facts=facts,
            scenario_ids=tuple(s.id for s in self.scenarios),
            families=tuple(s.family or s.id for s in self.scenarios),
            attributes={a: tuple(s.attributes.get(a, "") for s in self.scenarios) for a in names},
            repeats=self.setting.repeats,
            columns=columns,
            counts={},
            failures={},
        )


_MEANS: dict[str, float] = {}


def true_means(folder: Path, plugins: Plugins) -> dict[str, float]:
    """Return the true mean of every metric, from 12,000 trials of the unchanged model."""
    if not _MEANS:
        world = KnownGate(folder / "mean", Setting("mean"), seed=987_654_321, plugins=plugins)
        found: dict[str, list[float]] = {}
        for number in range(60):
            for d in world.gate(number)[0]:
                if d.slice is None and d.baseline is not None and d.candidate is not None:
                    found.setdefault(d.metric, []).extend((d.baseline, d.candidate))
        _MEANS.update({name: float(np.mean(values)) for name, values in found.items()})
    return _MEANS


def _logistic(x: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-x)))
