"""The parts around Data Designer, without it: settings, plans, checks, rounds, budgets."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jinja2
import numpy as np
import pytest

from command_line import Promptreg
from generation import write_file
from promptreg import GenerationRequest
from promptreg.contracts import check_generator
from promptreg.contracts.generator import OFFLINE_STEPS
from promptreg.errors import MissingPackageError, PluginError, ProviderError, SuiteError
from promptreg_plugins.generators.data_designer import DataDesigner
from promptreg_plugins.generators.data_designer import columns as c
from promptreg_plugins.generators.data_designer.checking import points, read
from promptreg_plugins.generators.data_designer.finishing import finish, premise, stand_in
from promptreg_plugins.generators.data_designer.rounds import Rounds, Verdict
from promptreg_plugins.generators.data_designer.schemas import SCHEMAS, row_schemas
from promptreg_plugins.generators.data_designer.shapes import SHAPES, shape_problems
from promptreg_plugins.generators.data_designer.worker.ledger import Ledger
from promptreg_plugins.generators.data_designer.worker.talking import Talk
from promptreg_plugins.generators.grid import Grid
from writing_model import SMALL, settings

URL = "http://127.0.0.1:9"
MODEL = {"provider": "llama_cpp", "url": URL, "model": "m"}


def make(**more: Any) -> DataDesigner:
    given = settings(URL, models={"writer": MODEL}) | more
    return DataDesigner(**{k: v for k, v in given.items() if k not in ("use", "seed")})


def row(number: int = 0) -> dict[str, Any]:
    made = list(Grid(attributes=SMALL).generate(GenerationRequest(seed=3)))[number].row
    assert made is not None
    return dict(made)


def test_the_contract_holds_as_far_as_no_model_is_asked() -> None:
    assert check_generator(make(), steps=OFFLINE_STEPS) == []
    assert check_generator(make(recipe="plain", own=[OWN]), steps=OFFLINE_STEPS) == []


OWN = {"name": "note", "kind": "text", "prompt": "About {{ primary_object }}."}


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"models": {}}, "models: name at least one"),
        ({"models": {"a b": MODEL}}, "an alias is letters"),
        ({"models": {"w": MODEL | {"provider": "olama"}}}, "models.w.provider: found 'olama'"),
        ({"models": {"w": MODEL | {"urll": 1}}}, "unknown key 'urll' (did you mean 'url'?)"),
        ({"models": {"w": MODEL | {"url": "ftp://x"}}}, "is no http address"),
        ({"models": {"w": MODEL | {"url": "http://me:pw@x"}}}, "holds a user, a password"),
        ({"models": {"w": MODEL | {"url": "${NO_SUCH_X}"}}}, "NO_SUCH_X}, which is not set"),
        ({"models": {"w": MODEL | {"model": ""}}}, "models.w.model: must be a text"),
        ({"models": {"w": MODEL | {"api_key_env": "sk-1234"}}}, "the key itself belongs in the"),
        ({"models": {"w": MODEL | {"sampling": {"temperature": 3}}}}, "temperature: found 3"),
        ({"models": {"w": MODEL | {"sampling": {"seed": 3}}}}, "a seed of its own"),
        ({"models": {"w": MODEL | {"schema": "grammar"}}}, "models.w.schema: found 'grammar'"),
        ({"models": {"w": MODEL | {"file_sha256": "12"}}}, "must be 64 hex digits"),
        ({"models": {"w": MODEL | {"prices": {"input": 1}}}}, "must be {input: X, output: Y}"),
        ({"columns": ["detection"]}, "(did you mean 'detections'?)"),
        ({"columns": ["complexity_score"]}, "'complexity_score' is always there"),
        ({"columns": ["detections", "detections"]}, "is there twice"),
        ({"columns": ["scenario_embedding"]}, "needs an embedder"),
        ({"columns": ["nvidia_vision_description"]}, "needs 'images' (a folder)"),
        ({"columns": [{"name": "detections", "modell": "w"}]}, "unknown key 'modell'"),
        ({"columns": [{"name": "detections", "model": "w"}]}, "no model has the alias 'w'"),
        ({"columns": []}, "nothing is to be written"),
        ({"own": [{"name": "X"}]}, "own[0].name: found 'X'"),
        ({"own": [{"name": "tier", "kind": "text"}]}, "there is a column 'tier' already"),
        ({"own": [{"name": "a", "kind": "poem"}]}, "own[0].kind: found 'poem'"),
        ({"own": [OWN | {"prompt": "{{ camera }}"}]}, "{{ camera }} is no column"),
        ({"own": [OWN | {"prompt": "{{ tier | sha256 }}"}]}, "sha256"),
        ({"own": [OWN | {"prompt": "{{ tier"}]}, "own: note: '{{ tier'"),
        ({"own": [{"name": "a", "kind": "structured", "prompt": "x"}]}, "schema: must be a JSON"),
        ({"own": [{"name": "a", "kind": "values", "values": []}]}, "a list of at least one"),
        (
            {
                "own": [
                    {"name": "a", "kind": "expression", "expression": "{{ b }}"},
                    {"name": "b", "kind": "expression", "expression": "{{ a }}"},
                ]
            },
            "a, b need each other",
        ),
        ({"budget": {"calls": 3}}, "budget: unknown key 'calls'"),
        ({"budget": {"tokens": 0}}, "budget.tokens: must be a whole number from 1"),
        ({"rounds": 0}, "rounds: found 0; allowed: 1 to 20"),
        ({"vision": "eyes"}, "vision: no model has the alias 'eyes'"),
        ({"images": "/nowhere"}, "images: /nowhere is no folder"),
        ({"embedder": {"model": "x"}}, "embedder: needs 'use'"),
        ({"recipe": "plain", "columns": ["detections"]}, "the recipe 'plain' has none built in"),
        ({"strength": 99}, "strength: found 99"),
    ],
)
def test_mistakes_are_named(given: dict[str, Any], problem: str) -> None:
    with pytest.raises(SuiteError) as caught:
        make(**given)
    assert problem in str(caught.value)


def test_a_dry_run_says_requests_tokens_and_cost_and_asks_nobody(tmp_path: Path) -> None:
    model = MODEL | {"prices": {"input": 2.0, "output": 6.0}, "api_key_env": "NO_SUCH_KEY"}
    section = settings(URL, models={"writer": model, "judge": model | {"model": "strict"}})
    write_file(tmp_path, **section)
    facts = Promptreg(tmp_path)("generate", "--dry-run", "--json").json
    n = facts["scenarios"]
    skipped = sum(
        g.row is not None and g.row["enrichment_context"] is None
        for g in Grid(attributes=SMALL).generate(GenerationRequest(seed=3))
    )
    assert facts["calls"] == n * 7 - skipped
    assert facts["models"] == ["m", "strict"]
    assert facts["cost"] > 0
    assert f"up to {facts['calls'] * 4:,} with corrections" in " ".join(facts["notes"])
    assert not (tmp_path / ".promptreg").exists()


def test_a_missing_key_or_server_ends_with_5_before_anything_is_asked(tmp_path: Path) -> None:
    pytest.importorskip("data_designer")
    write_file(tmp_path, **settings(URL))
    done = Promptreg(tmp_path)("generate")
    assert done.code == 5
    assert f"no model answers at {URL}/v1" in done.err
    models = {"writer": {"provider": "nvidia", "model": "some/model"}}
    write_file(tmp_path, **settings(URL, models=models))
    done = Promptreg(tmp_path)("generate")
    assert done.code == 5
    assert "the environment variable NVIDIA_API_KEY is not set" in done.err


def test_without_the_package_the_command_to_install_it_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    made = make()
    assert made.plan(GenerationRequest()).calls > 0  # what needs no model needs no package
    with pytest.raises(MissingPackageError, match=r"pip install 'promptreg-gate\[generate\]'"):
        list(made.generate(GenerationRequest()))


def test_identity_has_models_and_prompts_and_no_address_or_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SOME_KEY", "planted-7a7a")
    model = MODEL | {"api_key_env": "SOME_KEY", "file_sha256": "ab" * 32}
    text = json.dumps(make(models={"writer": model}).identity())
    assert "ab" * 32 in text
    assert "planted" not in text
    assert "127.0.0.1" not in text
    other = make(models={"writer": model | {"url": "http://elsewhere"}}, timeout=99)
    assert json.dumps(other.identity()) == text


def test_schemas_say_no_more_than_shapes_and_hold_to_the_cell() -> None:
    for name in SHAPES:
        for pick in (0, -1):
            value = _value(SCHEMAS[name], pick)
            if name == "ground_truth":
                value["risk_range"].sort()
            assert shape_problems(name, value) == [], (name, value)
    many = row_schemas({"detection_count": "7+"}, ["detections"])["detections"]
    assert many["properties"]["detections"]["minItems"] == 7
    assert set(SHAPES) <= set(c.BUILT_IN)


def _value(schema: Mapping[str, Any], pick: int) -> Any:
    """Return the smallest or largest value that a schema allows."""
    if "enum" in schema:
        return schema["enum"][pick]
    if schema["type"] == "object":
        return {name: _value(one, pick) for name, one in schema["properties"].items()}
    if schema["type"] == "array":
        n = schema["maxItems"] if pick else schema["minItems"]
        parts = schema.get("prefixItems") or [schema.get("items")] * n
        return [_value(one, pick) for one in parts]
    if schema["type"] == "string":
        return "x" * schema["maxLength" if pick else "minLength"]
    return schema.get("maximum" if pick else "minimum", bool(pick))


@pytest.mark.parametrize(
    ("column", "value", "problem"),
    [
        ("detections", {"detections": []}, "detections.detections: List should have at least 1"),
        ("detections", [], "detections: is list; must be an object"),
        ("detections", "{nonsense", "detections: is no JSON object"),
        ("ground_truth", {"risk_range": [9, 1]}, "ground_truth.reasoning_key_points: Field req"),
        ("ground_truth", {"risk_range": ["1", 2]}, "ground_truth.risk_range.0: Input should be"),
        ("ground_truth", {"risk_range": [1, float("nan")]}, "ground_truth: is no JSON"),
        ("enrichment_context", {"zone_name": "<|im_start|>"}, "holds the role token"),
        ("scenario_narrative", 85, "scenario_narrative: is int; must be a text"),
        ("scenario_narrative", "a\x1b[31m", "scenario_narrative: holds the sign U+001B"),
        ("expected_summary", "[1]", "expected_summary: is JSON, not a text"),
        ("expected_summary", "\n ", "expected_summary: is empty"),
    ],
)
def test_what_a_model_writes_is_held_to_its_shape(column: str, value: Any, problem: str) -> None:
    _, problems = read(c.BUILT_IN[column], value)
    assert any(problem in found for found in problems), problems


def test_points_are_a_list_however_they_are_written() -> None:
    assert points("1. door\n\n- night \n* 2 people") == ["door", "night", "2 people"]
    assert points("door; night") == ["door", "night"]
    assert points("one sentence") == ["one sentence"]


def test_a_finished_row_keeps_its_cell_and_its_truth() -> None:
    made = make()
    base = row(1)
    told = premise(base)
    values: dict[str, Any] = {
        "scenario_narrative": f"{told} Then it is quiet.",
        "detections": {
            "detections": [
                {
                    "object_type": {"person": "person"}.get(base["primary_object"], "truck"),
                    "confidence": 0.9,
                    "bbox": [1, 2, 3, 4],
                    "timestamp_offset_seconds": at,
                }
                for at in ((7,) if base["detection_count"] == "1" else (7, 90))
            ]
        },
        "ground_truth": {
            "risk_range": [0, 1],
            "reasoning_key_points": ["x"],
            "expected_enrichment_models": [],
            "should_trigger_alert": not base["ground_truth"]["should_trigger_alert"],
        },
        "enrichment_context": {
            "zone_name": "Lawn",
            "is_entry_point": True,
            "baseline_expected_count": 4,
            "baseline_deviation_score": -1.5,
            "cross_camera_matches": 2,
        },
        "expected_summary": "All is well.",
        "reasoning_key_points": "- a\n- b",
        c.JUDGE: {d: {"score": 3, "reasoning": "r"} for d in c.DIMENSIONS},
        **dict.fromkeys(c.DIMENSIONS, 3),
    }
    done, problems, checks = finish(base, values, made._chosen, "m", scene=True)
    assert problems == []
    assert checks["written_alert_fits"] is False
    assert {name: done[name] for name in SMALL} == {name: base[name] for name in SMALL}
    assert done["ground_truth"] == base["ground_truth"]
    assert done["scenario_hash"] != base["scenario_hash"]
    assert done["actionability"] == 3
    if base["tier"] != "basic":
        assert (done["deviation_score"], done["zone_context"]) == ("0.50", "Lawn, entry zone")
    values["detections"]["detections"][0]["timestamp_offset_seconds"] = 91
    _, problems, _ = finish(base, values, made._chosen, "m", scene=True)
    assert "less than or equal to 90" in problems[0]
    replaced = stand_in(base, made._chosen, scene=True)
    assert set(replaced) == set(done), "one column more or less would be seen in the table"


class Scripted:
    """A worker that says what it was told to."""

    def __init__(self, *rounds: Sequence[Mapping[str, Any]]) -> None:
        self.rounds = iter(rounds)
        self.asked: list[list[str]] = []

    def round(self, number: int, rows: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
        self.asked.append([r["slot"] for r in rows])
        yield from next(self.rounds)
        yield {"kind": "over", "round": number, "why": ""}


def asked(slot: str, *, cut: bool = False) -> dict[str, Any]:
    spent = {"tokens_in": 10, "tokens_out": 5, "kept": False}
    return {"kind": "asked", "slot": slot, "column": "text", "cut": cut, **spent}


def wrote(slot: str, text: str = "good") -> dict[str, Any]:
    return {"kind": "row", "slot": slot, "values": {"text": text}}


def test_rounds_count_what_each_slot_cost_and_why_it_was_written_again() -> None:
    lost = {"kind": "lost", "slot": "c", "column": "text", "text": "no\n JSON"}
    worker: Any = Scripted(
        [asked("a"), asked("b", cut=True), asked("c"), wrote("a"), lost, wrote("b"), asked("d")],
        [asked("b"), wrote("b"), asked("c"), wrote("c", "bad")],
    )

    def judge(slot: str, values: Mapping[str, Any]) -> Verdict:
        good = values["text"] == "good"
        return dict(values), [] if good else ["text: is bad"], {"x": True}

    rounds = Rounds(worker, 2, judge, lambda column, i, o: i + o / 10)
    made = {g.slot: g for g in rounds.run([{"slot": s} for s in "abcd"])}
    assert worker.asked == [["a", "b", "c", "d"], ["b", "c", "d"]]
    assert set(made) == {"a", "b"}
    assert made["a"].checks == {"validated": True, "x": True}
    assert made["b"].reasons == ("text: was cut off at max_tokens",)
    assert (made["b"].calls, made["b"].tokens, made["b"].cost) == (2, 30, 21.0)
    assert rounds.left == ["c", "d"]
    given_up = rounds.given_up("c", {"text": "by rules"})
    assert given_up.reasons == ("text: no JSON", "text: is bad")
    assert given_up.checks == {"validated": False}
    assert rounds.given_up("d", None).reasons == ("Data Designer dropped the row",) * 2
    assert "2 x Data Designer dropped the row" in rounds.why()


class Ended(BaseException):
    """Stands for the end of the worker's process."""


class Listening(Talk):
    """Keeps messages instead of sending them."""

    def __init__(self) -> None:
        self.said: list[dict[str, Any]] = []

    def say(self, kind: str, **facts: Any) -> None:
        self.said.append({"kind": kind, **facts})

    def stop(self, why: str, text: str, **facts: Any) -> Any:
        raise Ended(why)


ANSWER = {"content": "x", "reasoning": None, "tokens_in": 10, "tokens_out": 5, "cut": False}


def test_the_ledger_keeps_answers_over_a_kill_and_never_passes_the_budget(tmp_path: Path) -> None:
    talk = Listening()
    first = Ledger(tmp_path, talk, requests=2)
    first.begin(0, [{"slot": "a"}])
    keys = [first.place("a", "text", 7, ["prompt"]) for _ in range(3)]
    assert len(set(keys)) == 3, "a correction is another request than what it corrects"
    for key, _ in keys[:2]:
        assert first.admit()
        first.answered(key, "a", "text", ANSWER)
    first._last = 0.0
    with pytest.raises(Ended, match="budget"):
        first.admit()
    first.close()
    path = tmp_path / "answers.jsonl"
    path.write_bytes(path.read_bytes()[:-10])  # a kill in the middle of the second line
    again = Ledger(tmp_path, talk, whole={"tokens": 16})
    again.begin(0, [{"slot": "a"}])
    assert again.place("a", "text", 7, ["prompt"]) == keys[0]
    assert again.kept(keys[0][0], "a", "text") == ANSWER
    assert again.kept(keys[1][0], "a", "text") is None
    assert again.admit()
    again.answered(keys[1][0], "a", "text", ANSWER)
    assert not again.admit(), "the last answer may complete a row: its moment is waited for"
    again._last = 0.0
    with pytest.raises(Ended, match="budget"):
        again.admit()
    third = Ledger(tmp_path, talk)
    assert third.kept(keys[1][0], "a", "text") == ANSWER
    third.close()
    again.begin(1, [{"slot": "a"}])
    assert again.place("a", "text", 7, ["prompt"])[1] != keys[0][1], "another seed in each round"
    again.close()


def test_the_ledger_gives_up_on_a_server_and_not_on_a_prompt(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, Listening(), parallel=2)
    for _ in range(20):
        ledger.failed("context_window_exceeded", "too long")
    for _ in range(7):
        ledger.failed("api_connection", "refused")
    with pytest.raises(Ended, match="unreachable"):
        ledger.failed("timeout", "late")
    with pytest.raises(Ended, match="refused"):
        ledger.failed("authentication", "who are you")
    ledger.close()


def test_messages_hold_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", 'planted"7a7a')
    read_end, write_end = os.pipe()
    talk = Talk(write_end, ["SOME_KEY"])
    talk.say("stop", text='the key planted"7a7a is wrong')
    line = os.read(read_end, 1000).decode()
    os.close(read_end)
    talk._file.close()
    assert "planted" not in line
    assert json.loads(line)["text"] == "the key *** is wrong"


def test_no_prompt_of_ours_is_broken_jinja() -> None:
    for column in c.BUILT_IN.values():
        jinja2.Environment(autoescape=False).from_string(column.prompt)


def test_probing_needs_the_key_it_names(monkeypatch: pytest.MonkeyPatch) -> None:
    from promptreg_plugins.generators.data_designer.models import probe, read_models

    monkeypatch.delenv("NVIDIA_API_KEY", raising=False)
    models = read_models({"w": {"provider": "nvidia", "model": "some/model"}})
    assert models["w"].endpoint == "https://integrate.api.nvidia.com/v1"
    assert models["w"].how == "guided_json"
    with pytest.raises(ProviderError, match=r"models\.w: the environment variable NVIDIA_API_KEY"):
        probe(models)


class Lengths:
    """Embeds a text as its length, over and over."""

    def __init__(self, dimensions: int) -> None:
        self.dimensions = dimensions

    def identity(self) -> Mapping[str, Any]:
        return {"embedder": "lengths"}

    def embed(self, texts: Sequence[str]) -> Any:
        return np.array([[len(text)] * self.dimensions for text in texts], dtype=np.float32)


def test_vectors_are_columns_of_the_length_that_was_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from promptreg_plugins.generators.data_designer import vectors

    made: Any = SimpleNamespace(create=lambda use, settings, where: Lengths(int(use)))
    monkeypatch.setattr(vectors, "load_plugins", lambda: SimpleNamespace(embedders=made))
    scene = row()
    vectors.Vectors({"use": "768"}).add(scene, c.EMBEDDINGS)
    assert scene["scenario_embedding"] == [float(len(scene["scenario_narrative"]))] * 768
    assert len(scene["reasoning_embedding"]) == 768
    with pytest.raises(PluginError, match="vectors of 384 numbers; 'dimensions' says 768"):
        vectors.Vectors({"use": "384"}).add(scene, c.EMBEDDINGS)
    assert (
        "embedder"
        in make(embedder={"use": "768"}, columns=["scenario_embedding", "detections"]).identity()
    )
