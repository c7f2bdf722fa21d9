"""Which calibration a comparison is shown, what makes it stale, and what a broken file does."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from calibration_suite import recorded_twice, rewrite
from promptreg.discovery import Plugins, load_plugins
from promptreg.pipeline.calibrate.document import read_document
from promptreg.pipeline.calibrate.kept import GateTemplate, Wanted, find
from promptreg.pipeline.calibrate.report import CalibrationReport
from promptreg.pipeline.calibrate.run import calibrate
from promptreg.pipeline.compare import compare
from promptreg.pipeline.detectable import TYPICAL
from promptreg.pipeline.plan import plan
from promptreg.pipeline.project import Options, Project, open_project
from promptreg.stats.power import plan_detectable
from promptreg.store.calibrations import MOST_FILES, read_calibrations, write_calibration
from promptreg.verdicts import CalibrationState, Comparison

Json = dict[str, Any]
N = 24


@pytest.fixture(scope="module")
def plugins() -> Plugins:
    return load_plugins()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return recorded_twice(tmp_path / "suite", n=N)


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory, plugins: Plugins) -> Path:
    """A suite that was calibrated; tests take copies of it."""
    folder = recorded_twice(tmp_path_factory.mktemp("once") / "suite", n=N)
    measured(folder, plugins)
    return folder


@pytest.fixture
def calibrated(tmp_path: Path, once: Path) -> Path:
    return Path(shutil.copytree(once, tmp_path / "calibrated"))


def opened(folder: Path, plugins: Plugins) -> Project:
    return open_project(str(folder), plugins)


def measured(folder: Path, plugins: Plugins, **options: Any) -> CalibrationReport:
    return calibrate(opened(folder, plugins), None, Options(**options), simulations=2)


def compared(folder: Path, plugins: Plugins, **options: Any) -> Comparison:
    return compare(opened(folder, plugins), "v1", "v2", Options(**options))


def edit_suite(folder: Path, edit: Callable[[Json], object]) -> None:
    path = folder / "promptreg.yaml"
    suite = json.loads(path.read_text())
    edit(suite)
    path.write_text(json.dumps(suite))


def edit_kept(folder: Path, edit: Callable[[Json], object]) -> None:
    (path,) = (folder / ".promptreg" / "calibration").glob("*.json")
    document = json.loads(path.read_text())
    edit(document)
    path.write_text(json.dumps(document))


def lengthen(folder: Path) -> None:
    """Edit both versions of the template."""
    for label in ("v1", "v2"):
        with (folder / f"{label}.txt").open("a") as out:
            out.write("Be brief.")


def test_a_calibration_is_shown_and_changes_nothing_else(folder: Path, plugins: Plugins) -> None:
    before = compared(folder, plugins)
    assert before.calibration.state is CalibrationState.NONE
    report = measured(folder, plugins)
    after = compared(folder, plugins)
    found = after.calibration
    assert found.state is CalibrationState.FRESH
    assert found.false_alarm == report.again.false_alarm
    assert found.passed == report.again.passed
    assert found.simulations == 2
    assert [(p.metric, p.times_margin) for p in found.power] == [("overall", 1), ("overall", 2)]
    assert (after.gate, after.differences) == (before.gate, before.differences)


Edit = Callable[[Path], object]
EDITS: dict[str, Edit] = {
    "policy": lambda f: edit_suite(f, lambda s: s["gate"].update(alpha=0.1)),
    "scorers": lambda f: edit_suite(f, lambda s: s["scorers"][1].update(field="reasoning")),
    "parser": lambda f: edit_suite(f, lambda s: s["answer"].update(fallback=["None"])),
    "seed": lambda f: edit_suite(f, lambda s: s.update(seed=5)),
    "sampling": lambda f: edit_suite(
        f, lambda s: s["provider"].update(sampling={"temperature": 1.0})
    ),
    "provider": lambda f: rewrite(f, n=N, seed=3),
    "scenarios": lambda f: (f / "scenarios.jsonl").write_text(
        (f / "scenarios.jsonl").read_text().replace("person 3 at", "cat 3 at")
    ),
    "template basic": lengthen,
    "model": lambda f: edit_kept(f, lambda d: d["fingerprints"].update(model="another")),
    "promptreg": lambda f: edit_kept(f, lambda d: d.update(promptreg="0.0.1")),
}


@pytest.mark.parametrize("field", EDITS)
def test_what_changes_makes_it_stale_by_name(
    field: str, calibrated: Path, plugins: Plugins
) -> None:
    EDITS[field](calibrated)
    found = compared(calibrated, plugins).calibration
    assert found.state is CalibrationState.STALE
    assert any(r.startswith(f"{field} changed since") for r in found.reasons), found.reasons


def test_repeats_count_and_options_of_the_command_do_too(tmp_path: Path, plugins: Plugins) -> None:
    folder = recorded_twice(tmp_path / "suite", n=N, askings=4)
    report = measured(folder, plugins, repeats=2)
    assert report.repeats == 2
    assert compared(folder, plugins, repeats=2).calibration.state is CalibrationState.FRESH
    assert compared(folder, plugins).calibration.reasons == ("repeats changed since",)
    stale = compared(folder, plugins, repeats=2, margins={"overall": 0.2}).calibration
    assert stale.reasons == ("policy changed since",)
    part = compared(folder, plugins, repeats=2, limit=10).calibration
    assert "scenarios changed since" in part.reasons


@pytest.mark.parametrize("plan", ["command", "suite"])
def test_rates_of_one_look_are_not_those_of_several(
    plan: str, calibrated: Path, plugins: Plugins
) -> None:
    if plan == "suite":
        edit_suite(calibrated, lambda s: s["gate"].update(sequential={"looks": 3}))
    found = compared(calibrated, plugins, **({"looks": 3} if plan == "command" else {}))
    assert found.stopping is not None
    assert found.calibration.state is CalibrationState.STALE
    assert found.calibration.reasons == (
        "it is of gates that look once, and this one looks up to 3 times",
    )
    # The same suite's gate that looks once is the gate that was calibrated.
    assert compared(calibrated, plugins, looks=1).calibration.state is CalibrationState.FRESH


def test_a_gate_of_several_looks_is_simulated_and_shown_to_such_gates_alone(
    folder: Path, plugins: Plugins
) -> None:
    edit_suite(folder, lambda s: s["gate"].update(sequential={"looks": 3}))
    report = measured(folder, plugins)
    assert report.looks == 3
    assert not any("gate.more" in w for w in report.warnings)
    assert compared(folder, plugins).calibration.state is CalibrationState.FRESH
    once = compared(folder, plugins, looks=1).calibration
    assert once.reasons == ("it is of gates that look up to 3 times, and this one looks once",)
    assert (
        "policy changed since"
        in compared(folder, plugins, anytime=True, looks=3).calibration.reasons
    )


def test_asking_for_more_is_not_simulated_and_said(folder: Path, plugins: Plugins) -> None:
    more = {"inconclusive": "more", "more": {"repeats": 2}}
    edit_suite(folder, lambda s: s["gate"].update(more))
    report = measured(folder, plugins)
    assert any("gate.more is not simulated" in w for w in report.warnings)
    found = compared(folder, plugins).calibration
    assert found.reasons == ("it is of gates that never ask for more, and this one may",)


@pytest.mark.parametrize(("days", "fresh"), [(None, True), (14, False)])
def test_age_makes_it_stale(
    days: int | None, fresh: bool, calibrated: Path, plugins: Plugins
) -> None:
    made = datetime.now(UTC) - timedelta(days=20)
    edit_kept(calibrated, lambda d: d.update(created_at=made.isoformat(timespec="seconds")))
    if days is not None:
        edit_suite(calibrated, lambda s: s["gate"].update(calibration_days=days))
    found = compared(calibrated, plugins).calibration
    assert (found.state is CalibrationState.FRESH) is fresh
    assert fresh or found.reasons == ("it is 20 days old (gate.calibration_days: 14)",)


def test_thirty_days_are_the_default(calibrated: Path, plugins: Plugins) -> None:
    project = opened(calibrated, plugins)
    kept, _, _ = find(project, Wanted({"basic": GateTemplate((), "")}, {}))
    assert kept is not None
    for days, stale in ((29, False), (31, True)):
        now = kept.made + timedelta(days=days)
        _, reasons, _ = find(project, Wanted({"basic": GateTemplate((), "")}, {}), now=now)
        assert bool(reasons) is stale


BROKEN = {
    "no JSON": "{",
    "no object": "[]",
    "format is missing": "{}",
    "format is 99": '{"format": 99}',
    "no JSON (maximum recursion": "[" * 100_000,
}


@pytest.mark.parametrize("words", BROKEN)
def test_a_broken_file_is_a_warning_and_no_more(words: str, folder: Path, plugins: Plugins) -> None:
    before = compared(folder, plugins)
    broken = folder / ".promptreg" / "calibration" / "basic-0.json"
    broken.parent.mkdir()
    broken.write_text(BROKEN[words])
    after = compared(folder, plugins)
    (warning,) = set(after.warnings) - set(before.warnings)
    assert str(broken) in warning
    assert words.split(" (")[0] in warning
    assert "ignored" in warning
    assert after.calibration.state is CalibrationState.NONE
    assert after.gate == before.gate
    measured(folder, plugins)  # a good one beside it is found
    assert compared(folder, plugins).calibration.state is CalibrationState.FRESH


def fields(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        inner = list(value.items())
    elif isinstance(value, list):
        inner = list(enumerate(value))
    return [path, *(p for k, v in inner for p in fields(v, (*path, k)))]


def test_no_field_of_a_document_can_be_anything_and_raise(calibrated: Path) -> None:
    (path,) = (calibrated / ".promptreg" / "calibration").iterdir()
    document = json.loads(path.read_text())
    read_document(document)
    refused = 0
    for place_of in fields(document)[1:]:
        for odd in cast("tuple[Any, ...]", (None, "x", -1, 1e400, [], {}, True, {"x": "y"})):
            spoilt = json.loads(json.dumps(document))
            place = spoilt
            for key in place_of[:-1]:
                place = place[key]
            place[place_of[-1]] = odd
            try:
                read_document(spoilt)
            except ValueError:
                refused += 1
    assert refused > 100


def test_made_up_answers_are_never_used(calibrated: Path, plugins: Plugins) -> None:
    edit_kept(calibrated, lambda d: d.update(synthetic=True))
    found = compared(calibrated, plugins)
    assert found.calibration.state is CalibrationState.NONE
    assert any("synthetic" in w for w in found.warnings)


def test_few_files_are_kept_the_newest(tmp_path: Path) -> None:
    for i in range(MOST_FILES + 5):
        path = write_calibration(tmp_path, f"c{i}", {"i": i})
        os.utime(path, (i + 1, i + 1))
    write_calibration(tmp_path, "last", {})
    found = [path.stem for path, _, _ in read_calibrations(tmp_path)]
    assert len(found) == MOST_FILES
    assert found[:2] == ["last", f"c{MOST_FILES + 4}"]
    assert not list((tmp_path / "calibration").glob("*.part"))


def test_the_fresh_one_is_found_among_others(folder: Path, plugins: Plugins) -> None:
    measured(folder, plugins)
    measured(folder, plugins, limit=10)
    measured(folder, plugins, alpha=0.1)
    assert len(list((folder / ".promptreg" / "calibration").iterdir())) == 3
    assert compared(folder, plugins).calibration.state is CalibrationState.FRESH
    assert compared(folder, plugins, alpha=0.1).calibration.state is CalibrationState.FRESH
    assert compared(folder, plugins, alpha=0.2).calibration.state is CalibrationState.STALE


def test_plans_rest_on_a_fresh_calibration_and_say_so(folder: Path, plugins: Plugins) -> None:
    project = opened(folder, plugins)
    assumed = plan(project, ["v1", "v2"], Options())
    assert {d.basis for d in assumed.detectable} == {TYPICAL}
    (composite,) = [d for d in assumed.detectable if d.metric == "overall"]
    typical = plan_detectable(
        composite.n_scenarios, 1, "bounded", width=1.0, n_clusters=composite.n_clusters
    )
    assert composite.change == pytest.approx(typical)  # over its whole range, as any other average
    report = measured(folder, plugins)
    planned = plan(opened(folder, plugins), ["v1", "v2"], Options())
    by_metric = {d.metric: d for d in planned.detectable}
    day = report.created_at[:10]
    assert by_metric["overall"].basis == f"calibration of {day}"
    now = {s.metric: s.now for s in report.spend}
    assert by_metric["overall"].change == pytest.approx(now["overall"])
    assert by_metric["in_range"].change == pytest.approx(now["in_range"])
    assert by_metric["answered"].basis == TYPICAL  # never varied, so nothing is known of it
    assert any(f"calibration of {day}" in note for note in planned.notes)
    rewrite(folder, n=N, seed=8)
    stale = plan(opened(folder, plugins), ["v1", "v2"], Options())
    assert {d.basis for d in stale.detectable} == {TYPICAL}
    assert any("not used for basic: provider changed since" in note for note in stale.notes)
