"""Scorers that take several trials at once: in the loop, in rescore, in the contract."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from fake_model import ModelServer, right, running, status
from promptreg import Completion, Failure, Scale, Score, Scorer, Services, Trial, Unscored
from promptreg.contracts import check_scorer
from promptreg.errors import BudgetError, ProviderError, SuiteError
from promptreg.pipeline.compare import compare
from promptreg.pipeline.project import Options, Project, open_project
from promptreg.pipeline.rescore import rescore
from promptreg.pipeline.summary import run_versions
from promptreg.records import Outcome
from promptreg.store.runs import load_run
from promptreg.testing import ScorerContract, sample_trials
from suite_factory import write_suite

SCALE = Scale("asked", "ordinal", low=1, high=4, margin=0.25)


class Asks:
    """Asks a model about each answer; matched to the protocol, not derived from it."""

    scales = (SCALE,)
    batch_size = 8

    def __init__(self, url: str = "", budgeted: bool = False) -> None:
        self.settings = {"use": "llama_cpp", "url": url, "retries": 0, "ready_timeout": 1.0}
        self.settings["timeout"] = {"connect": 20, "read": 60}
        self.sizes: list[int] = []

    async def identity(self, services: Services) -> Mapping[str, Any]:
        return {"model": dict(await services.model(self.settings).identity())}

    async def score_batch(
        self, trials: Sequence[Trial], services: Services
    ) -> Sequence[Score | Unscored]:
        self.sizes.append(len(trials))
        model = services.model(self.settings)
        return list(await asyncio.gather(*(self._one(model, trial) for trial in trials)))

    async def _one(self, model: Any, trial: Trial) -> Score | Unscored:
        said = await model.ask(f"[s9999 judge] {trial.scenario.id} {trial.repeat}")
        if isinstance(said, Failure):
            return SCALE.unscored(f"{said.cause}: {said.detail}")
        assert isinstance(said, Completion)
        return SCALE.score(int(said.text))


class TestAsks(ScorerContract):
    def make(self) -> Scorer:
        return _Constant()  # type: ignore[return-value]  # it need not have score()


class _Constant(Asks):
    async def _one(self, model: Any, trial: Trial) -> Score | Unscored:
        said = await model.ask("?")
        return SCALE.score(3) if isinstance(said, Completion) else SCALE.unscored("down")

    def score(self, trial: Trial) -> Score | Unscored:
        raise AssertionError("not asked alone")


def project_of(folder: Path, url: str, made: Asks | None = None, **keys: Any) -> Project:
    scorer = made or Asks(url)
    scorers = keys.pop("scorers", [{"use": "risk_range"}, {"use": "asks"}])
    project = open_project(str(write_suite(folder, url, scorers=scorers, **keys)))
    catalog: Any = project.plugins.scorers
    catalog.add("asks", lambda **settings: scorer)
    return project


def answers(scenario: str, version: str) -> Any:
    return "3" if version in ("judge", "") else right(scenario, version)


def test_batches_are_bounded_and_every_trial_is_scored(tmp_path: Path) -> None:
    with running(ModelServer(answers)) as server:
        scorer = Asks(server_url(server))
        project = project_of(tmp_path, server_url(server), scorer, n=30)
        executed, summaries, _ = run_versions(project, ["v1"], Options())
    column = executed.runs[0].columns["asked"]
    assert (column.outcomes == Outcome.SCORED).all()
    assert (column.values == 3).all()
    assert sum(scorer.sizes) == 30
    assert max(scorer.sizes) <= 8
    assert [line.value for line in summaries[0].metrics if line.metric == "asked"] == [3.0]


def test_what_was_asked_once_is_not_asked_again_and_rescore_asks_no_generation(
    tmp_path: Path,
) -> None:
    with running(ModelServer(answers)) as server, running(ModelServer(answers)) as judge:
        project = project_of(tmp_path, server_url(server), Asks(server_url(judge)), n=12)
        executed, _, _ = run_versions(project, ["v1"], Options())
        assert (len(server.calls), len(judge.calls)) == (12, 12)
        again, _, _ = run_versions(project, ["v1"], Options())
        assert (len(server.calls), len(judge.calls)) == (12, 12)
        assert again.runs[0].id == executed.runs[0].id
        judge.answer = lambda scenario, version: "2"
        server.forget()
        judge.forget()
        old, made, _ = rescore(project, executed.runs[0].id)
        assert old == made.id
        assert not judge.calls
        _, other, _ = rescore(project, old, Options(cache=False))
        assert not server.calls
        assert len(judge.calls) == 12
        assert (other.columns["asked"].values == 2).all()


def test_the_same_question_is_asked_once(tmp_path: Path) -> None:
    with running(ModelServer(answers, delay_s=0.01)) as server:
        scorer = _Constant(server_url(server))
        project = project_of(tmp_path, server_url(server), scorer, n=20)
        run_versions(project, ["v1"], Options())
        asked = [call for call in server.calls if call.json["prompt"] == "?"]
    assert len(asked) == 1


def test_a_model_that_is_lost_leaves_gaps_with_reasons(tmp_path: Path) -> None:
    def flaky(scenario: str, version: str) -> Any:
        return status(400) if version == "judge" else right(scenario, version)

    with running(ModelServer(flaky)) as server:
        project = project_of(tmp_path, server_url(server), n=4, scorers=[{"use": "asks"}])
        executed, _, _ = run_versions(project, ["v1"], Options())
    column = executed.runs[0].columns["asked"]
    assert (column.outcomes == Outcome.GAP).all()
    reasons = {row["reason.asked"] for row in _rows(executed.runs[0])}
    assert any("400" in str(reason) or "http" in str(reason) for reason in reasons)


def test_a_model_that_is_not_there_is_told_before_any_call(tmp_path: Path) -> None:
    with running(ModelServer(answers)) as server:
        project = project_of(tmp_path, server_url(server), Asks("http://127.0.0.1:9"), n=4)
        with pytest.raises(ProviderError, match=r"the model of a scorer \(llama_cpp\): not ready"):
            run_versions(project, ["v1"], Options())
        assert not server.calls


def test_one_budget_for_all_and_the_next_run_goes_on(tmp_path: Path) -> None:
    with running(ModelServer(answers)) as server:
        project = project_of(tmp_path, server_url(server), n=10)
        with pytest.raises(BudgetError, match="budget of 14 calls"):
            run_versions(project, ["v1"], Options(budget="14calls"))
        assert len(server.calls) == 14
        executed, _, _ = run_versions(project, ["v1"], Options())
        assert len(server.calls) == 20
        assert not server.repeated
    assert (executed.runs[0].columns["asked"].values == 3).all()


def test_rescore_keeps_its_budget(tmp_path: Path) -> None:
    with running(ModelServer(answers)) as server:
        project = project_of(tmp_path, server_url(server), n=10, scorers=[{"use": "risk_range"}])
        executed, _, _ = run_versions(project, ["v1"], Options())
        judged = project_of(tmp_path, server_url(server), n=10)
        server.forget()
        with pytest.raises(BudgetError, match="budget of 4 calls"):
            rescore(judged, executed.runs[0].id, Options(budget="4"))
        assert len(server.calls) == 4
        _, run, _ = rescore(judged, executed.runs[0].id)
        assert len(server.calls) == 10
    assert (run.columns["asked"].values == 3).all()


def test_another_model_makes_runs_incomparable(tmp_path: Path) -> None:
    with running(ModelServer(answers)) as server, running(ModelServer(answers)) as other:
        project = project_of(tmp_path, server_url(server), n=6)
        first, _, _ = run_versions(project, ["v1"], Options())
        project = project_of(tmp_path, server_url(server), Asks(server_url(other)), n=6)
        second, _, _ = run_versions(project, ["v1"], Options())
    one, two = (e.runs[0].facts.fingerprints for e in (first, second))
    assert {k for k in one if one[k] != two[k]} == {"scorers"}


def test_made_up_verdicts_make_a_run_synthetic(tmp_path: Path) -> None:
    scorer = Asks()
    scorer.settings = {"use": "scripted", "text": "4"}
    with running(ModelServer(answers)) as server:
        project = project_of(tmp_path, server_url(server), scorer, n=12)
        found = compare(project, "v1", "v2", Options())
    assert found.synthetic
    assert found.gate.verdict != "pass"


def test_settings_of_models_are_checked_with_field_and_allowed(tmp_path: Path) -> None:
    with running(ModelServer(answers)) as server:
        scorer = Asks(server_url(server))
        scorer.settings = {"use": "llama_cpp", "url": server_url(server), "retries": -1}
        project = project_of(tmp_path, server_url(server), scorer, n=4)
        with pytest.raises(SuiteError, match="retries"):
            run_versions(project, ["v1"], Options())


class _Odd(Asks):
    def __init__(self, made: Any) -> None:
        super().__init__()
        self.made = made

    async def identity(self, services: Services) -> Mapping[str, Any]:
        return {}

    async def score_batch(self, trials: Sequence[Trial], services: Services) -> Any:
        if isinstance(self.made, Exception):
            raise self.made
        return self.made if not callable(self.made) else self.made(trials)


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (ValueError("no idea"), "raised ValueError: no idea"),
        ([], "returned 0 results for"),
        (3, "returned int for"),
        (lambda trials: [Score(SCALE, 9.0)] * len(trials), "scored 9; allowed: 1 to 4"),
        (lambda trials: [None] * len(trials), "returned a NoneType"),
    ],
)
def test_nonsense_of_a_scorer_is_a_gap_with_the_reason(
    tmp_path: Path, made: Any, reason: str
) -> None:
    with running(ModelServer(answers)) as server:
        project = project_of(tmp_path, server_url(server), _Odd(made), n=4)
        executed, _, _ = run_versions(project, ["v1"], Options())
    assert (executed.runs[0].columns["asked"].outcomes == Outcome.GAP).all()
    assert all(reason in str(row["reason.asked"]) for row in _rows(executed.runs[0]))


def test_failed_trials_are_the_worst_value_and_nobody_is_asked(tmp_path: Path) -> None:
    def empty(scenario: str, version: str) -> Any:
        return answers(scenario, version) if version == "judge" else "no JSON here"

    with running(ModelServer(empty)) as server:
        project = project_of(tmp_path, server_url(server), n=4)
        executed, _, _ = run_versions(project, ["v1"], Options())
        assert not [one for one in server.asked if one[1] == "judge"]
    column = executed.runs[0].columns["asked"]
    assert (column.outcomes == Outcome.FAILED).all()
    assert (column.values == 1).all()


def test_the_contract_finds_what_is_wrong() -> None:
    class Forgetful(_Constant):
        async def score_batch(
            self, trials: Sequence[Trial], services: Services
        ) -> Sequence[Score | Unscored]:
            return [SCALE.score(min(4, len(trials)))] * len(trials)

    problems = check_scorer(Forgetful())  # type: ignore[arg-type]  # matched, not derived
    assert any("among others" in problem for problem in problems), problems

    class Raises(_Constant):
        async def _one(self, model: Any, trial: Trial) -> Score | Unscored:
            said = await model.ask("?")
            return SCALE.score(len(said.text) and 2)

    problems = check_scorer(Raises())  # type: ignore[arg-type]
    assert any("answer nothing" in problem for problem in problems), problems
    assert check_scorer(_Constant()) == []  # type: ignore[arg-type]
    assert sample_trials()


def server_url(server: ModelServer) -> str:
    return f"http://127.0.0.1:{server.port}"


def _rows(run: Any) -> list[Mapping[str, Any]]:
    from promptreg.store.runs import read_trials

    return list(read_trials(run))


def test_stored_and_made_runs_are_one(tmp_path: Path) -> None:
    with running(ModelServer(answers)) as server:
        project = project_of(tmp_path, server_url(server), n=4)
        executed, _, _ = run_versions(project, ["v1"], Options())
    run = load_run(project.store, executed.runs[0].id)
    assert json.dumps(run.columns["asked"].values.tolist()) == "[[3.0], [3.0], [3.0], [3.0]]"
