"""Runs on disk: the same trials are the same run, and come back as they were."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from promptreg.errors import StoreError, UsageError
from promptreg.records import (
    Answer,
    Cause,
    Completion,
    Failure,
    Outcome,
    Prompt,
    Run,
    Scenario,
    Trial,
)
from promptreg.store.runs import RunWriter, list_runs, load_run, read_trials
from store_samples import FACTS, SCALES, TEMPLATE, Contributions, names, trials, write_run


def assert_same(one: Run, other: Run) -> None:
    assert replace(one, columns={}) == replace(other, columns={})
    assert list(one.columns) == list(other.columns)
    for name, column in one.columns.items():
        assert column.scale == other.columns[name].scale
        np.testing.assert_array_equal(column.values, other.columns[name].values)
        np.testing.assert_array_equal(column.outcomes, other.columns[name].outcomes)
        assert column.values.dtype == other.columns[name].values.dtype == np.float64
        assert column.outcomes.dtype == other.columns[name].outcomes.dtype == np.uint8


def write_one(root: Path, trial: Trial, **options: Any) -> Run:
    scored: Contributions = {s.name: (1.0, Outcome.SCORED) for s in SCALES}
    with RunWriter(root, FACTS, 1, SCALES, **options) as writer:
        writer.add(trial, scored)
        return writer.finish()


def test_a_run_comes_back_as_it_was_finished(tmp_path: Path) -> None:
    rows = list(trials(1100))
    run = write_run(tmp_path, rows)
    assert_same(run, load_run(tmp_path, run.id))
    assert_same(run, load_run(tmp_path, run.id[:12]))
    assert Path(run.path) == tmp_path / "runs" / run.id
    assert names(Path(run.path)) == ["manifest.json", "trials.parquet"]


def test_arrays_hold_what_was_added(tmp_path: Path) -> None:
    rows = list(trials(50))
    random.Random(3).shuffle(rows)
    run = write_run(tmp_path, rows)
    assert run.scenario_ids == tuple(sorted({t.scenario.id for t, _ in rows}))
    for trial, contributions in rows:
        at = run.scenario_ids.index(trial.scenario.id)
        assert run.families[at] == trial.scenario.family
        assert run.attributes["type"][at] == trial.scenario.attributes.get("type", "")
        for name, (value, outcome) in contributions.items():
            column = run.columns[name]
            assert column.outcomes[at, trial.repeat] == outcome
            found = column.values[at, trial.repeat]
            assert np.isnan(found) if value is None else found == value
    failed = [t.failure.cause.value for t, _ in rows if t.failure]
    assert run.failures == {cause: failed.count(cause) for cause in sorted(set(failed))}
    assert run.counts["planned"] == 100
    assert run.counts["failed"] == len(failed)
    assert run.counts["answered"] == 100 - len(failed)


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_arrival_changes_nothing(tmp_path: Path, seed: int) -> None:
    rows = list(trials(600))
    first = write_run(tmp_path / "a", rows)
    random.Random(seed).shuffle(rows)
    second = write_run(tmp_path / "b", rows)
    assert_same(first, replace(second, path=first.path))


def test_a_run_from_the_cache_is_the_same_run(tmp_path: Path) -> None:
    first = write_run(tmp_path, list(trials(40)))
    rows = list(trials(40))
    for trial, _ in rows:
        if trial.completion is not None:
            trial.completion = replace(trial.completion, cached=True, attempts=2, raw="")
        elif trial.failure is not None:
            trial.failure = replace(trial.failure, duration_s=9.0, detail="again")
    later = replace(FACTS, created_at="2027-01-01T00:00:00Z", provider="store")
    second = write_run(tmp_path, rows, facts=later)
    assert second.id == first.id
    assert second.facts == first.facts  # of the run that is stored
    assert second.counts["cached"] == sum(t.completion is not None for t, _ in rows)
    assert first.counts["cached"] == 0
    assert names(tmp_path / "runs") == [first.id]


CHANGES: list[Any] = [
    lambda t: setattr(t, "completion", replace(t.completion, text="x")),
    lambda t: setattr(t, "completion", replace(t.completion, latency_s=77.0)),
    lambda t: setattr(t, "completion", replace(t.completion, finish="length")),
    lambda t: setattr(t, "prompt", Prompt("another")),
    lambda t: setattr(t, "prompt", Prompt(t.prompt.text, ("a.png",))),
    lambda t: setattr(t, "failure", Failure(Cause.REFUSED, "no")),
    lambda t: setattr(t, "scenario", replace(t.scenario, family="other")),
    lambda t: setattr(t, "scenario", replace(t.scenario, attributes={"type": "odd"})),
]


@pytest.mark.parametrize("change", CHANGES)
def test_any_other_content_is_another_run(tmp_path: Path, change: Any) -> None:
    rows = list(trials(20))
    first = write_run(tmp_path, rows)
    trial = next(t for t, _ in rows if t.answered)
    change(trial)
    assert write_run(tmp_path, rows).id != first.id


def test_other_scores_or_fingerprints_are_another_run(tmp_path: Path) -> None:
    rows = list(trials(20))
    first = write_run(tmp_path, rows)
    at = next(i for i, (_, c) in enumerate(rows) if c["in_range"] == (1.0, Outcome.SCORED))
    rows[at] = (rows[at][0], {**rows[at][1], "in_range": (0.0, Outcome.SCORED)})
    second = write_run(tmp_path, rows)
    third = write_run(tmp_path, rows, replace(FACTS, fingerprints={"scenarios": "other"}))
    fourth = write_run(tmp_path, rows, replace(FACTS, label="v2"))
    assert len({first.id, second.id, third.id, fourth.id}) == 4
    assert fourth.id.startswith("basic-v2-")


def test_odd_labels_make_harmless_names(tmp_path: Path) -> None:
    facts = replace(FACTS, template="../up", label="git:HEAD~1/" + "x" * 300)
    run = write_run(tmp_path, list(trials(3)), facts)
    assert Path(run.path).parent == tmp_path / "runs"
    assert len(run.id) < 120
    assert_same(run, load_run(tmp_path, run.id))


def test_missing_double_and_unannounced_things_are_refused(tmp_path: Path) -> None:
    rows = list(trials(4))
    with RunWriter(tmp_path, FACTS, 2, SCALES, attributes=["type"]) as writer:
        for trial, contributions in rows[:-1]:
            writer.add(trial, contributions)
        with pytest.raises(StoreError, match="added twice"):
            writer.add(*rows[0])
        with pytest.raises(StoreError, match="nothing for metric 'latency'"):
            writer.add(rows[-1][0], {"in_range": (None, Outcome.GAP)})
        other = replace(rows[-1][0], scenario=Scenario("z", {}, attributes={"camera": "1"}))
        with pytest.raises(StoreError, match=r"attributes \['camera'\]"):
            writer.add(other, rows[-1][1])
        with pytest.raises(StoreError, match="not one of 2"):
            writer.add(replace(rows[-1][0], repeat=2), rows[-1][1])
        with pytest.raises(StoreError, match="lacks a repeat"):
            writer.finish()
    assert names(tmp_path / "runs") == []


@pytest.mark.parametrize(
    "wrong",
    [
        (None, Outcome.SCORED),
        (float("nan"), Outcome.SCORED),
        (float("inf"), Outcome.SCORED),
        (0.5, Outcome.GAP),
        (0.5, Outcome.NOT_APPLICABLE),
    ],
)
def test_no_value_is_invented(tmp_path: Path, wrong: tuple[float | None, Outcome]) -> None:
    trial, contributions = next(trials(1, 1))
    with RunWriter(tmp_path, FACTS, 1, SCALES, attributes=["type"]) as writer:
        writer.add(trial, {**contributions, "in_range": wrong})
        with pytest.raises(StoreError, match="'in_range' of scenario 's00000'"):
            writer.finish()


def test_trials_are_read_whole_or_in_part(tmp_path: Path) -> None:
    rows = list(trials(700))
    run = write_run(tmp_path, rows)
    read = {(row["scenario_id"], row["repeat"]): row for row in read_trials(run)}
    assert len(read) == 1400
    for trial, contributions in rows:
        row = read[trial.scenario.id, trial.repeat]
        assert row["prompt"] == trial.prompt.text
        assert row["text"] == (trial.completion.text if trial.completion else None)
        assert row["error_cause"] == (trial.failure.cause.value if trial.failure else None)
        if trial.answer:
            assert json.loads(row["answer"]) == trial.answer.fields
            assert row["answer"] == row["effective"]
            assert row["findings"] == ["text around"]
            assert row["thinking"] == "hm"
        value, outcome = contributions["in_range"]
        assert row["outcome.in_range"] == outcome
        assert row["score.in_range"] == (value if outcome is Outcome.SCORED else None)
        assert row["worst.in_range"] == (value if outcome is Outcome.FAILED else None)
        unscored = outcome is Outcome.GAP and trial.answered
        assert row["reason.in_range"] == ("no risk range" if unscored else None)
    some = list(read_trials(run, ["s00003", "s00699", "nobody"], ["text", "repeat"]))
    assert len(some) == 4
    assert set(some[0]) == {"text", "repeat"}
    with pytest.raises(UsageError, match="did you mean 'prompt'"):
        list(read_trials(run, None, ["promt"]))
    with pytest.raises(StoreError, match="not stored"):
        list(read_trials(replace(run, path="")))


def test_odd_text_is_kept_as_far_as_parquet_can(tmp_path: Path) -> None:
    text = "a\x00b \ud83d lone \u202e bidi ünï 😀"
    trial = Trial(TEMPLATE, Scenario("s", {}, family="s"), 0, Prompt(text))
    trial.completion = Completion(text, model="m\udcff")
    trial.answer = Answer({"summary": text, "n": float("nan"), "big": 10**30}, findings=(text,))
    run = write_one(tmp_path, trial)
    row = next(read_trials(run))
    assert row["text"] == text.replace("\ud83d", "\\ud83d")
    assert row["findings"] == [row["text"]]
    assert json.loads(row["answer"])["big"] == 10**30
    assert_same(run, load_run(tmp_path, run.id))


def test_a_number_of_a_wrong_type_is_refused(tmp_path: Path) -> None:
    trial = Trial(TEMPLATE, Scenario("s", {}, family="s"), 0, Prompt("p"))
    odd: Any = 12.5
    trial.completion = Completion("x", prompt_tokens=odd)
    with pytest.raises(StoreError, match="prompt_tokens"):
        write_one(tmp_path, trial)
    assert names(tmp_path / "runs") == []


def test_an_unfinished_run_leaves_nothing(tmp_path: Path) -> None:
    def stopped() -> None:
        with RunWriter(tmp_path, FACTS, 2, SCALES, attributes=["type"]) as writer:
            for trial, contributions in trials(1200):
                writer.add(trial, contributions)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert names(tmp_path / "runs") == []


def test_leftovers_of_a_killed_writer_are_swept_after_a_day(tmp_path: Path) -> None:
    dead, young, mine = (
        tmp_path / "runs" / name
        for name in (".writing-4194999-a", ".writing-4194999-b", f".writing-{os.getpid()}-c")
    )
    for folder in (dead, young, mine):
        folder.mkdir(parents=True)
    for folder in (dead, mine):
        os.utime(folder, (1, 1))
    run = write_run(tmp_path, list(trials(2)))
    assert {f.name for f in (tmp_path / "runs").iterdir()} == {young.name, mine.name, run.id}


def test_runs_are_listed_newest_first_and_the_broken_last(tmp_path: Path) -> None:
    assert list_runs(tmp_path) == []
    old = write_run(tmp_path, list(trials(2)))
    facts = replace(FACTS, label="v2", created_at="2027-01-01T00:00:00Z")
    new = write_run(tmp_path, list(trials(2)), facts)
    (tmp_path / "runs" / "broken").mkdir()
    (tmp_path / "runs" / "link").symlink_to(tmp_path)
    listed = list_runs(tmp_path)
    assert [run.id for run in listed] == [new.id, old.id, "broken"]
    assert listed[0].facts == facts
    assert "manifest.json: missing" in listed[2].problem


def test_references_must_be_known_and_clear(tmp_path: Path) -> None:
    one = write_run(tmp_path, list(trials(2)))
    write_run(tmp_path, list(trials(3)))
    with pytest.raises(UsageError, match="begins 2 runs"):
        load_run(tmp_path, "basic-v1")
    with pytest.raises(UsageError, match="did you mean"):
        load_run(tmp_path, "x" + one.id)
    for odd in ("", "..", "../runs", "/", "."):
        with pytest.raises(UsageError):
            load_run(tmp_path, odd)


def test_memory_does_not_grow_with_the_texts(tmp_path: Path) -> None:
    def write(count: int) -> int:
        tracemalloc.start()
        with RunWriter(tmp_path, FACTS, 1, SCALES, attributes=["type"]) as writer:
            for trial, contributions in trials(count, repeats=1):
                trial.prompt = Prompt(f"{trial.scenario.id} " * 500)
                writer.add(trial, contributions)
            writer.finish()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    write(100)  # what is imported on the way
    few, many = write(1_200), write(6_200)
    # 5,000 prompts of 3,500 characters are 17 MB.
    assert many - few < 6 * 2**20


def test_a_damaged_run_makes_way_for_its_copy(tmp_path: Path) -> None:
    rows = list(trials(20))
    run = write_run(tmp_path, rows)
    (Path(run.path) / "trials.parquet").write_bytes(b"PAR1")
    with pytest.raises(StoreError, match=r"trials\.parquet"):
        load_run(tmp_path, run.id)
    assert_same(run, write_run(tmp_path, rows))
    assert_same(run, load_run(tmp_path, run.id))
    aside = [f for f in (tmp_path / "runs").iterdir() if f.name.startswith(".damaged-")]
    assert [(f / "trials.parquet").read_bytes() for f in aside] == [b"PAR1"]


def test_a_flipped_byte_in_the_table_is_found(tmp_path: Path) -> None:
    run = write_run(tmp_path, list(trials(60)))
    path = Path(run.path) / "trials.parquet"
    sound = path.read_bytes()
    rng = random.Random(5)
    for _ in range(25):
        content = bytearray(sound)
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        path.write_bytes(bytes(content))
        with pytest.raises(StoreError, match=r"trials\.parquet"):
            load_run(tmp_path, run.id)
        with pytest.raises(StoreError, match=r"trials\.parquet"):
            list(read_trials(run))
    path.unlink()
    with pytest.raises(StoreError, match="missing"):
        load_run(tmp_path, run.id)


def forge(run: Run, table: pa.Table, **options: Any) -> None:
    """Replace the table of a run by another one, with a manifest that fits."""
    import hashlib

    path = Path(run.path) / "trials.parquet"
    pq.write_table(table, path, **options)
    manifest = Path(run.path) / "manifest.json"
    content = json.loads(manifest.read_text())
    content |= {
        "table_sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "trials": len(table),
        "scenarios": len(table) // content["repeats"],
    }
    manifest.write_text(json.dumps(content))


def test_a_small_file_that_decodes_to_gigabytes_is_refused(tmp_path: Path) -> None:
    run = write_run(tmp_path, list(trials(1)))
    table = pq.read_table(Path(run.path) / "trials.parquet")
    rows = 4000
    long = pa.array(["x" * 2**20])
    indices = np.zeros(rows, np.int32)
    bomb = pa.table(
        {
            name: pa.DictionaryArray.from_arrays(indices, long)
            if name in ("scenario_id", "text")
            else pa.concat_arrays([table[name].combine_chunks()] * (rows // 2))
            for name in table.column_names
        }
    )
    forge(run, bomb, compression="zstd", row_group_size=rows)
    assert (Path(run.path) / "trials.parquet").stat().st_size < 200_000
    with pytest.raises(StoreError, match="bytes"):
        load_run(tmp_path, run.id)
    with pytest.raises(StoreError, match="bytes"):
        list(read_trials(run, None, ["text"]))


def test_a_table_that_lacks_or_doubles_something_is_named(tmp_path: Path) -> None:
    run = write_run(tmp_path, list(trials(4)))
    table = pq.read_table(Path(run.path) / "trials.parquet")
    forge(run, table.drop_columns(["outcome.latency"]))
    with pytest.raises(StoreError, match=r"'outcome\.latency' is missing"):
        load_run(tmp_path, run.id)
    forge(run, pa.concat_tables([table.slice(0, 6), table.slice(0, 2)]))
    with pytest.raises(StoreError, match="one trial for each"):
        load_run(tmp_path, run.id)
    odd = table.set_column(2, "repeat", pa.array(["x"] * 8))
    forge(run, odd)
    with pytest.raises(StoreError, match="'repeat' is of type"):
        load_run(tmp_path, run.id)


MANIFESTS: list[tuple[str, Any, str]] = [
    ("format", 2, "format 2, written by promptreg 9"),
    ("format", 0, "format 0"),
    ("format", None, "format is nothing"),
    ("repeats", -1, "repeats is -1"),
    ("repeats", True, "repeats is True"),
    ("facts", [], "facts is"),
    ("facts", {}, r"facts\.suite is nothing"),
    ("scales", [{}], r"scales\.0\.margin"),
    ("scales", 7, "scales is 7"),
    ("counts", {"planned": "many"}, r"counts\.planned"),
    ("attributes", [1], "attributes"),
    ("trials", 5, "trials is 5"),
    ("table_sha256", None, "table_sha256"),
]


@pytest.mark.parametrize(("name", "value", "message"), MANIFESTS)
def test_a_wrong_manifest_names_its_field(
    tmp_path: Path, name: str, value: Any, message: str
) -> None:
    run = write_run(tmp_path, list(trials(2)))
    path = Path(run.path) / "manifest.json"
    content = json.loads(path.read_text()) | {"written_by": "promptreg 9", name: value}
    path.write_text(json.dumps(content))
    with pytest.raises(StoreError, match=message) as caught:
        load_run(tmp_path, run.id)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("content", ["", "{", "[1]", '"x"', "[" * 100_000, "\0", "{}"])
def test_a_manifest_that_is_no_object_is_named(tmp_path: Path, content: str) -> None:
    run = write_run(tmp_path, list(trials(2)))
    (Path(run.path) / "manifest.json").write_text(content)
    with pytest.raises(StoreError, match=r"manifest\.json"):
        load_run(tmp_path, run.id)


def test_a_run_without_scenarios_is_a_run(tmp_path: Path) -> None:
    run = write_run(tmp_path, [])
    assert run.columns["in_range"].values.shape == (0, 2)
    assert_same(run, load_run(tmp_path, run.id))


def test_functions_of_aggregates_are_handed_on(tmp_path: Path) -> None:
    trial = Trial(TEMPLATE, Scenario("s", {}, family="s"), 0, Prompt("p"), Completion("x"))
    run = write_one(tmp_path, trial, aggregates={"in_range": max})
    assert run.columns["in_range"].aggregate is max
    assert run.columns["latency"].aggregate is None
    assert load_run(tmp_path, run.id, {"latency": min}).columns["latency"].aggregate is min


def test_a_store_that_is_no_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("x")
    with pytest.raises(StoreError, match="store"):
        RunWriter(tmp_path / "store", FACTS, 1, SCALES)


def test_writing_and_reading_runs_needs_no_pandas(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path\n"
        "import promptreg.store.runs\n"
        "assert not {'pyarrow', 'numpy', 'sqlite3'} & sys.modules.keys() - {'sqlite3'}\n"
        "from store_samples import trials, write_run\n"
        "from promptreg.store.runs import load_run, read_trials\n"
        "run = write_run(Path(sys.argv[1]), list(trials(20)))\n"
        "list(read_trials(load_run(Path(sys.argv[1]), run.id), ['s00001'], ['text']))\n"
        "assert 'pandas' not in sys.modules\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
