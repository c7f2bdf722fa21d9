"""A generation becomes a folder, whole or not at all, and goes on after a kill."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from generation import opened, write_file
from promptreg.cli.app import run as promptreg
from promptreg.errors import (
    BudgetError,
    ExecutionError,
    PluginError,
    StoreError,
    SuiteError,
    UsageError,
)
from promptreg.pipeline.generate import generate
from promptreg.stages.load import load_scenarios
from promptreg.store.fixture import MANIFEST, changed_files, read_manifest

FILES = {
    ".gitattributes",
    "scenarios.parquet",
    "ground_truth.json",
    "coverage.json",
    "coverage.md",
}


def content(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.name != MANIFEST}


def run_python(code: str, folder: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run code in a process of its own, which may be killed."""
    here = Path(__file__).parents[1]
    paths = [str(here), *(str(here.parent / p) for p in ("core", "plugins"))]
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), **env},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_folder_holds_what_the_manifest_says(tmp_path: Path) -> None:
    path = write_file(tmp_path, size=20, seed=4)
    made, manifest = generate(opened(path))
    folder = tmp_path / "fixtures"
    assert manifest is not None
    assert set(manifest.files) == FILES
    assert {p.name for p in folder.iterdir()} == {*FILES, MANIFEST}
    assert read_manifest(folder) == manifest
    assert changed_files(folder, manifest) == []
    scenarios = load_scenarios(folder / "scenarios.parquet", cluster="family")
    assert len(scenarios.scenarios) == len(made.rows) == 20
    assert manifest.scenarios["sha256"] == scenarios.sha256
    assert manifest.generator["seed"] == 4
    assert manifest.generator["identity"] == opened(path).generator.identity()
    assert manifest.counts["made"] == 20
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".fixtures")] == []


def test_only_the_manifest_holds_a_date_and_bytes_follow_from_the_seed(tmp_path: Path) -> None:
    found = []
    for n, seed in enumerate((4, 4, 5)):
        generate(opened(write_file(tmp_path / str(n), size=20, seed=seed)))
        found.append(content(tmp_path / str(n) / "fixtures"))
    assert found[0] == found[1]
    assert found[0]["scenarios.parquet"] != found[2]["scenarios.parquet"]
    facts = pq.read_metadata(tmp_path / "0" / "fixtures" / "scenarios.parquet")
    assert facts.row_group(0).column(0).compression == "ZSTD"
    assert facts.metadata is None


def test_generating_again_replaces_what_was_not_touched(tmp_path: Path) -> None:
    path = write_file(tmp_path, size=20)
    generate(opened(path))
    generate(opened(path, seed=9))
    manifest = read_manifest(tmp_path / "fixtures")
    assert manifest is not None
    assert manifest.generator["seed"] == 9


@pytest.mark.parametrize("change", ["edited", "missing", "extra"])
def test_changes_by_hand_are_not_overwritten_unless_forced(tmp_path: Path, change: str) -> None:
    path = write_file(tmp_path, size=20)
    generate(opened(path))
    file = tmp_path / "fixtures" / ("coverage.md" if change != "extra" else "notes.txt")
    file.unlink() if change == "missing" else file.write_text("mine", "utf-8")
    with pytest.raises(UsageError) as caught:
        generate(opened(path))
    assert str(file) in str(caught.value)
    assert "--force" in str(caught.value)
    generate(opened(path), force=True)
    manifest = read_manifest(tmp_path / "fixtures")
    assert manifest is not None
    assert changed_files(tmp_path / "fixtures", manifest) == []
    if change == "extra":
        assert file.read_text("utf-8") == "mine"  # nothing is deleted that nobody generated


def test_a_folder_of_other_things_is_never_replaced(tmp_path: Path) -> None:
    path = write_file(tmp_path, size=20, output=".")
    with pytest.raises(UsageError, match="not even with --force"):
        generate(opened(path), force=True)
    assert path.exists()
    (tmp_path / "file").write_text("x", "utf-8")
    with pytest.raises(UsageError, match="is a file"):
        generate(opened(path, output=str(tmp_path / "file")))


@pytest.mark.parametrize(
    ("generate_", "problem"),
    [
        ({"output": "."}, "not even with --force"),
        ({"output": "promptreg.yaml"}, "is a file"),
        ({"prompts": "v1"}, "generate.prompts"),
    ],
)
def test_a_dry_run_promises_nothing_that_would_be_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], generate_: dict[str, Any], problem: str
) -> None:
    path = write_file(tmp_path, **generate_)
    assert promptreg(["generate", "-c", str(path), "--dry-run"]) == 2
    assert problem in capsys.readouterr().err


def test_a_preview_writes_nothing(tmp_path: Path) -> None:
    path = write_file(tmp_path, size=20)
    made, manifest = generate(opened(path), limit=3)
    assert manifest is None
    assert len(made.rows) == 3
    assert list(tmp_path.iterdir()) == [path]


KILL = """
import os, signal, sys
from importlib.metadata import version
from pathlib import Path
from generation import opened
from promptreg.pipeline.generate import generate
rename, n = Path.rename, 0
def killing(self, target):
    global n
    n += 1
    if n == {at}:
        os.kill(os.getpid(), signal.SIGKILL)
    return rename(self, target)
Path.rename = killing
generate(opened(Path("promptreg.yaml"), seed=9))
"""


@pytest.mark.slow
@pytest.mark.parametrize("at", [1, 2])
def test_a_kill_while_the_folder_is_replaced_leaves_the_old_or_the_new(
    tmp_path: Path, at: int
) -> None:
    path = write_file(tmp_path, size=20, seed=1)
    generate(opened(path))
    before = content(tmp_path / "fixtures")
    done = run_python(KILL.format(at=at), tmp_path)
    assert done.returncode == -signal.SIGKILL, done.stderr
    if at == 1:
        assert content(tmp_path / "fixtures") == before
    else:
        assert not (tmp_path / "fixtures").exists()  # nothing half-written bears the name
    # The next attempt finds the old set again before it does anything else.
    with pytest.raises(SuiteError):
        generate(opened(write_file(tmp_path, size=1, seed=1)))
    assert not (tmp_path / "fixtures").exists() or content(tmp_path / "fixtures") == before
    generate(opened(write_file(tmp_path, size=20, seed=1)))
    assert content(tmp_path / "fixtures") == before
    left = [p.name for p in tmp_path.iterdir() if p.name.startswith(".fixtures")]
    assert left == []


FULL = """
import resource, sys
from importlib.metadata import version
from pathlib import Path
from generation import opened
from promptreg.errors import StoreError
from promptreg.pipeline.generate import generate
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
try:
    generate(opened(Path("promptreg.yaml"), seed=9))
except StoreError as e:
    print(e)
    sys.exit(5)
"""


@pytest.mark.slow
@pytest.mark.parametrize("limit", [0, 700, 3000])
def test_a_file_that_cannot_be_written_leaves_the_old_set(tmp_path: Path, limit: int) -> None:
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
    path = write_file(tmp_path, size=20, seed=1)
    generate(opened(path))
    before = content(tmp_path / "fixtures")
    done = run_python(FULL.format(limit=limit), tmp_path, PYTHONDONTWRITEBYTECODE="1")
    assert done.returncode == 5, done.stderr
    assert "was not written" in done.stdout
    assert content(tmp_path / "fixtures") == before
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".fixtures")] == []


TOLD = """
from importlib.metadata import version
from pathlib import Path
from generation import opened
from promptreg.pipeline.generate import generate
generate(opened(Path("promptreg.yaml")))
"""


def test_what_was_paid_for_before_a_kill_is_not_asked_again(tmp_path: Path) -> None:
    path = write_file(tmp_path, use="told", rows=6, kill_after=4)
    log = tmp_path / "log"
    done = run_python(TOLD, tmp_path, TOLD_LOG=str(log))
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert log.read_text("utf-8").split() == ["t0", "t1", "t2", "t3"]
    done = run_python(TOLD, tmp_path, TOLD_LOG=str(log))
    assert done.returncode == 0, done.stderr
    assert log.read_text("utf-8").split() == ["t0", "t1", "t2", "t3", "t4", "t5"]
    manifest = read_manifest(tmp_path / "fixtures")
    assert manifest is not None
    assert manifest.counts["made"] == 6
    assert manifest.counts["replaced"] == 6
    assert manifest.cost["calls"] == 12
    assert manifest.models == ["m"]
    assert list((tmp_path / ".promptreg" / "generate").glob("*.jsonl")) == []
    assert path.exists()


def test_a_line_that_a_kill_cut_off_is_made_again(tmp_path: Path) -> None:
    path = write_file(tmp_path, use="told", rows=4)
    with pytest.raises(BudgetError) as caught:
        generate(opened(path), budget="4")
    assert "2 of 4 scenarios" in str(caught.value)
    assert not (tmp_path / "fixtures").exists()
    (journal,) = (tmp_path / ".promptreg" / "generate").glob("*.jsonl")
    with journal.open("a", encoding="utf-8") as file:
        file.write('{"slot": "t2", "row": {"scen')
    made, _ = generate(opened(path))
    assert made.kept == 2
    assert [row["scenario_id"] for row in made.rows] == ["t0", "t1", "t2", "t3"]
    assert made.calls == 8


def test_other_settings_are_other_work_and_no_cache_forgets(tmp_path: Path) -> None:
    path = write_file(tmp_path, use="told", rows=4)
    with pytest.raises(BudgetError):
        generate(opened(path), budget="4")
    made, _ = generate(opened(path, seed=1, output=str(tmp_path / "other")))
    assert made.kept == 0
    made, _ = generate(opened(path), fresh=True)
    assert made.kept == 0


def test_failures_are_counted_with_their_reasons_and_too_many_are_refused(tmp_path: Path) -> None:
    path = write_file(tmp_path, use="told", rows=6, fail=["t1"], max_failed=0.2)
    made, manifest = generate(opened(path))
    assert manifest is not None
    assert (made.failed, len(made.rows)) == (1, 5)
    reasons: Any = manifest.counts["reasons"]
    assert reasons["the model wrote nonsense"] == 1
    path = write_file(tmp_path, use="told", rows=6, fail=["t1"], seed=2)
    with pytest.raises(ExecutionError, match="1 of 6 scenarios could not be made"):
        generate(opened(path))


def test_a_slot_that_is_left_out_is_a_failure_and_no_silence(tmp_path: Path) -> None:
    path = write_file(tmp_path, use="told", rows=6, leave_out=["t3"], max_failed=0.5)
    made, manifest = generate(opened(path))
    assert manifest is not None
    assert made.failed == 1
    assert made.reasons["the generator left the slot out"] == 1


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ({"scenario_id": "t0"}, "scenario_id 't0' is already that of the slot 't0'"),
        ({"scenario_id": ""}, "scenario_id is ''"),
        ({"n": "7"}, "n is '7'; the plan allows 0, 1"),
        ({"x": float("nan")}, "the row is no JSON"),
        ({"x": object()}, "the row is no JSON"),
    ],
)
def test_a_row_that_is_no_scenario_is_a_failure(
    tmp_path: Path, bad: dict[str, Any], reason: str
) -> None:
    path = write_file(tmp_path, use="told", rows=4, max_failed=0.5)
    gone = opened(path)
    gone.generator.bad = {"t2": bad}  # type: ignore[attr-defined]
    made, _ = generate(gone)
    assert made.failed == 1
    assert any(reason in found for found in made.reasons), made.reasons


def test_columns_of_types_that_do_not_go_together_are_named(tmp_path: Path) -> None:
    path = write_file(tmp_path, use="told", rows=4, bad={"t2": {"text": 5}})
    with pytest.raises(UsageError, match="the column 'text' cannot be written: values of int, str"):
        generate(opened(path))
    assert not (tmp_path / "fixtures").exists()


def test_a_generator_that_raises_is_named(tmp_path: Path) -> None:
    gone = opened(write_file(tmp_path, use="told"))
    gone.generator.fail = None  # type: ignore[attr-defined]
    with pytest.raises(PluginError, match=r"generator 'told' \(Told\) raised TypeError"):
        generate(gone)


def test_two_at_the_same_work_are_one_too_many(tmp_path: Path) -> None:
    from promptreg.stages.generate import Journal

    first = Journal(tmp_path, "a" * 64)
    with pytest.raises(StoreError, match="another promptreg"):
        Journal(tmp_path, "a" * 64)
    first.close(finished=False)
    Journal(tmp_path, "a" * 64).close(finished=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("generate_", "problem"),
    [
        ({"sizze": 3}, "unknown key 'sizze' (did you mean 'size'?)"),
        ({"strenght": 3}, "(did you mean 'strength'?)"),
        ({"use": "gird"}, "no generator is called 'gird' (did you mean 'grid'?)"),
        ({"size": 0}, "generate.size: Input should be greater than or equal to 1"),
        ({"strength": "high"}, "generate: strength:"),
        ({"prompts": "v1"}, "generate.prompts: needs a suite with templates"),
    ],
)
def test_mistakes_in_the_file_are_named(
    tmp_path: Path, generate_: dict[str, Any], problem: str
) -> None:
    with pytest.raises(UsageError) as caught:
        generate(opened(write_file(tmp_path, **generate_)))
    assert problem in str(caught.value)
    assert "promptreg.yaml" in str(caught.value)


def test_a_file_without_a_generation_says_so(tmp_path: Path) -> None:
    path = tmp_path / "promptreg.yaml"
    path.write_text(json.dumps({"genrate": {"use": "grid"}}), "utf-8")
    with pytest.raises(SuiteError, match="is 'genrate' meant to be it"):
        opened(path)
    path.write_text(json.dumps({"generate": {"use": "grid"}, "outptu": 1}), "utf-8")
    with pytest.raises(SuiteError, match="outptu: unknown key"):
        opened(path)


def test_the_old_folder_is_found_again(tmp_path: Path) -> None:
    path = write_file(tmp_path, size=20)
    generate(opened(path))
    folder = tmp_path / "fixtures"
    before = content(folder)
    folder.rename(tmp_path / ".fixtures.01234567.old")
    shutil.copytree(tmp_path / ".fixtures.01234567.old", tmp_path / ".fixtures.89abcdef.part")
    from promptreg.store.fixture import recover

    recover(folder)
    assert content(folder) == before
    assert {p.name for p in tmp_path.iterdir()} == {"promptreg.yaml", "fixtures"}


def test_versions_of_packages_that_had_a_part_are_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = opened(write_file(tmp_path, size=8, seed=4))
    monkeypatch.setattr(type(file.generator), "packages", ("pyyaml", "nobody-has-this"))
    _, manifest = generate(file)
    assert manifest is not None
    assert manifest.versions["pyyaml"] == version("pyyaml")
    assert "nobody-has-this" not in manifest.versions
