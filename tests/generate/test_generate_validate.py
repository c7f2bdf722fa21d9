"""`validate` holds frozen scenarios to their manifest; the commands say what they did."""

from __future__ import annotations

import json
import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow
import pytest
import yaml

from command_line import Promptreg
from generation import opened, write_file
from promptreg.errors import DataError
from promptreg.pipeline.fixtures import check_fixture
from promptreg.pipeline.generate import generate
from promptreg.pipeline.project import Options, open_project
from promptreg.pipeline.validate import check
from promptreg.stages.lint import Finding
from promptreg.store.fixture import MANIFEST, read_manifest
from promptreg_scorers.judge.rubrics import read_rubrics

EXAMPLE = Path(__file__).parents[2] / "examples" / "home_security"
POINTER = (
    "version https://git-lfs.github.com/spec/v1\n"
    "oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\n"
    "size 284981\n"
)
SUITE: dict[str, Any] = {
    "suite": "colours",
    "scenarios": "fixtures/scenarios.parquet",
    "cluster": "family",
    "templates": {"basic": {"versions": {"v1": "v1.txt", "v2": "v2.txt"}}},
    "provider": {"use": "scripted"},
    "scorers": [],
    "generate": {
        "use": "grid",
        "recipe": "plain",
        "attributes": {"colour": ["red", "green"], "size": [1, 2], "shape": ["round", "flat"]},
        "size": 8,
        "seed": 3,
    },
}


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """A suite with a fixture that was just made."""
    (tmp_path / "v1.txt").write_text("A {colour} {shape} thing of size {size}?", "utf-8")
    (tmp_path / "v2.txt").write_text("Is a {colour} {shape} thing of size {size} fine?", "utf-8")
    write(tmp_path)
    generate(opened(tmp_path / "promptreg.yaml"))
    return tmp_path


def write(folder: Path, **section: Any) -> None:
    made = SUITE | {"generate": SUITE["generate"] | section}
    (folder / "promptreg.yaml").write_text(json.dumps(made), "utf-8")


def findings(folder: Path) -> list[Finding]:
    return check_fixture(open_project(str(folder)))


def test_a_fresh_fixture_is_clean(suite: Path) -> None:
    assert findings(suite) == []
    assert [f for f in check(open_project(str(suite))).findings if f.level != "info"] == []


def test_an_edited_file_is_an_error_that_names_it(suite: Path) -> None:
    file = suite / "fixtures" / "ground_truth.json"
    file.write_text("{}", "utf-8")
    (found,) = findings(suite)
    assert (found.level, found.code, found.where) == ("error", "fixture-changed", str(file))
    assert found.message.startswith("was changed since it was generated")
    done = Promptreg(suite)("validate")
    assert done.code == 2
    assert "ground_truth.json: was changed since it was generated" in done.out


def test_a_manifest_that_was_tampered_with_is_an_error(suite: Path) -> None:
    path = suite / "fixtures" / MANIFEST
    text = path.read_text("utf-8")
    path.write_text(text.replace('"schema_version": 1', '"schema_version": 9'), "utf-8")
    assert "schema_version is 9" in findings(suite)[0].message
    path.write_text(text.replace('"coverage.md"', '"../../promptreg.yaml"'), "utf-8")
    assert "is no entry with a hash" in findings(suite)[0].message
    path.write_text(text[:-20], "utf-8")
    assert "cannot be read as a manifest" in findings(suite)[0].message
    path.unlink()
    assert [(f.level, f.code) for f in findings(suite)] == [("warning", "no-manifest")]


@pytest.mark.parametrize("name", ["scenarios.parquet", "coverage.json", MANIFEST])
def test_a_pointer_of_git_lfs_says_what_to_do(suite: Path, name: str) -> None:
    (suite / "fixtures" / name).write_text(POINTER, "utf-8")
    assert any("run 'git lfs pull'" in f.message and name in f.where for f in findings(suite))
    if name == "scenarios.parquet":  # whoever reads it says the same
        with pytest.raises(DataError, match="git lfs pull"):
            open_project(str(suite)).scenarios(Options())


def test_settings_that_would_make_another_set_are_a_warning(suite: Path) -> None:
    write(suite, strength=3, seed=4)
    (found,) = findings(suite)
    assert (found.level, found.code) == ("warning", "fixture-stale")
    assert "(seed, strength)" in found.message
    write(suite, strength="x")
    assert findings(suite)[0].code == "generator"


def test_age_is_a_warning_where_a_limit_is_set(suite: Path) -> None:
    project = open_project(str(suite))
    later = datetime.now(UTC) + timedelta(days=40)
    assert check_fixture(project, later) == []
    write(suite, max_age_days=30)
    (found,) = check_fixture(open_project(str(suite)), later)
    assert (found.level, found.code) == ("warning", "fixture-old")
    assert "40 days ago" in found.message


def test_a_fixture_that_is_not_there_yet_or_not_used_is_named(suite: Path) -> None:
    write(suite, output="elsewhere")
    found = findings(suite)
    assert [f.code for f in found] == ["no-fixture"]
    assert "'promptreg generate' makes it" in found[0].message
    generate(opened(suite / "promptreg.yaml"))
    assert [f.code for f in findings(suite)] == ["other-scenarios"]


def test_a_suite_without_a_generation_is_held_to_the_manifest_too(suite: Path) -> None:
    made = {k: v for k, v in SUITE.items() if k != "generate"}
    (suite / "promptreg.yaml").write_text(json.dumps(made), "utf-8")
    assert findings(suite) == []
    (suite / "fixtures" / "coverage.md").unlink()
    assert "is missing" in findings(suite)[0].message
    (suite / "promptreg.yaml").write_text(json.dumps({"generate": SUITE["generate"]}), "utf-8")
    done = Promptreg(suite)("validate")  # a file that only generates is checked as such
    assert done.code == 2
    assert "coverage.md: is missing" in done.out


def test_variables_that_the_scenarios_lack_are_errors(suite: Path) -> None:
    (suite / "v2.txt").write_text("A {color} thing?", "utf-8")
    report = check(open_project(str(suite)))
    assert any(f.level == "error" and "color" in f.message for f in report.findings)


def test_prompts_are_frozen_where_that_is_asked_for(suite: Path) -> None:
    write(suite, prompts="v2")
    made, manifest = generate(opened(suite / "promptreg.yaml"), force=True)
    assert manifest is not None
    rows = open_project(str(suite)).scenarios(Options()).scenarios
    for row in rows:
        v = row.variables
        expected = f"Is a {v['colour']} {v['shape']} thing of size {v['size']} fine?"
        assert v["formatted_prompt_input_basic"] == expected
    assert len(rows) == len(made.rows)
    (suite / "v1.txt").write_text("Another {colour} {shape} thing of size {size}?", "utf-8")
    assert "stale-prompts" not in {f.code for f in check(open_project(str(suite))).findings}
    (suite / "v2.txt").write_text("Is a {colour} {shape} thing fine?", "utf-8")
    (stale,) = (f for f in check(open_project(str(suite))).findings if f.code == "stale-prompts")
    assert (stale.level, stale.where) == ("warning", "basic@v2")
    assert "of 8 scenarios (g00001" in stale.message


@pytest.mark.slow
def test_the_command_says_what_it_would_do_and_did(tmp_path: Path) -> None:
    write_file(tmp_path, size=20, seed=5)
    promptreg = Promptreg(tmp_path)
    plan = promptreg("generate", "--dry-run", "--json").json
    assert (plan["scenarios"], plan["seed"], plan["calls"]) == (20, 5, 0)
    rows = promptreg("generate", "-n", "2", "--json").json["scenarios"]
    assert [row["scenario_id"] for row in rows] == ["g00001", "g00002"]
    assert [p.name for p in tmp_path.iterdir()] == ["promptreg.yaml"]
    done = promptreg("generate", "--seed", "6", "-o", "other", "--json")
    assert done.code == 0, done.err
    assert done.json["scenarios"] == 20
    manifest = read_manifest(tmp_path / "other")
    assert manifest is not None
    assert manifest.generator["seed"] == 6
    wrong = promptreg("generate", "-o", ".")
    assert wrong.code == 2
    assert "nothing there is replaced" in wrong.err


@pytest.mark.slow
def test_the_example_is_what_its_file_makes_in_another_process(tmp_path: Path) -> None:
    copy = tmp_path / "home_security"
    copy.mkdir()
    shutil.copy(EXAMPLE / "grid.yaml", copy)
    shutil.copytree(EXAMPLE / "templates", copy / "templates")
    done = Promptreg(copy, {"PYTHONHASHSEED": "12345"})("generate", "-c", "grid.yaml", "-q")
    assert done.code == 0, done.err
    committed = read_manifest(EXAMPLE / "generated")
    made = read_manifest(copy / "generated")
    assert committed is not None
    assert made is not None
    assert made.scenarios == committed.scenarios
    assert made.counts == committed.counts
    for name in committed.files:
        if name == "scenarios.parquet" and committed.versions["pyarrow"] != pyarrow.__version__:
            continue  # its version stands in the footer; the content was compared above
        assert (copy / "generated" / name).read_bytes() == (
            EXAMPLE / "generated" / name
        ).read_bytes(), name


def test_the_example_is_large_small_and_clean() -> None:
    size = os.path.getsize(EXAMPLE / "generated" / "scenarios.parquet")  # noqa: PTH202 - shorter
    assert size < 400_000
    coverage = json.loads((EXAMPLE / "generated" / "coverage.json").read_text("utf-8"))
    assert coverage["scenarios"] >= 1_500
    assert coverage["families"] >= 200
    for facts in coverage["tuples"][:3]:
        assert facts["covered"] == facts["possible"]
    for folder in ("generated", "written"):  # a judge takes the file as it lies there
        rubrics = yaml.safe_load((EXAMPLE / folder / "evaluation_rubrics.yaml").read_text("utf-8"))
        assert read_rubrics(rubrics) == read_rubrics()
        assert facts.get("missing") == []
    assert coverage["duplicates"] == 0
    assert coverage["near_duplicates"]["pairs"] == 0
    report = check(open_project(str(EXAMPLE / "grid.yaml")))
    assert not report.findings  # ranges cross levels, and the ground truth names each of them
