"""Shadow and A/B logs become recorded completions: declared columns, nothing dropped or guessed."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from promptreg.cli.app import run
from promptreg.errors import DataError, UsageError
from promptreg.pipeline.compare import compare
from promptreg.pipeline.logs import Wish, import_log
from promptreg.pipeline.project import Options, open_project
from promptreg.verdicts import Verdict
from suite_factory import answer_text, good_score, scenario_ids, scenarios, write_suite

SHADOW = ("scenario_id=event_id", "primary.text=old.raw", "shadow.text=new.raw")
LABELS = {"primary": "v1", "shadow": "v2"}


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def log(folder: Path, rows: Sequence[dict[str, Any]], name: str = "log.jsonl") -> str:
    path = folder / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return str(path)


def event(name: str, old: object, new: object, **more: Any) -> dict[str, Any]:
    return {"event_id": name, "old": {"raw": old}, "new": {"raw": new}, **more}


def shadow(folder: Path, rows: Sequence[dict[str, Any]], **wish: Any) -> tuple[list[Any], str]:
    out = folder / "completions.jsonl"
    settings = {"mapping": SHADOW, "labels": LABELS} | wish
    told = import_log(log(folder, rows), str(out), Wish("shadow", **settings))
    return lines(out), "\n".join(told)


def ab(folder: Path, rows: Sequence[dict[str, Any]], **wish: Any) -> tuple[list[Any], str]:
    out = folder / "completions.jsonl"
    told = import_log(log(folder, rows), str(out), Wish("ab", **wish))
    return lines(out), "\n".join(told)


def test_a_shadow_event_becomes_two_completions(tmp_path: Path) -> None:
    row = event("e1", answer_text(10), answer_text(80), camera="front", old_ms=1500)
    rows, told = shadow(tmp_path, [row], mapping=(*SHADOW, "primary.latency_ms=old_ms"))
    assert rows == [
        {"scenario_id": "e1", "version": "v1", "text": answer_text(10), "latency_s": 1.5},
        {"scenario_id": "e1", "version": "v2", "text": answer_text(80)},
    ]
    assert "risk_score: differs on 1 of 1 event" in told
    assert "risk_level: differs on 1 of 1 event: low to high 1" in told
    assert "columns not used: camera" in told


def test_answers_that_were_logged_as_objects_are_spelled_out(tmp_path: Path) -> None:
    answer = json.loads(answer_text(10))
    rows, told = shadow(tmp_path, [event("e1", answer, answer)])
    assert json.loads(rows[0]["text"]) == answer
    with pytest.raises(
        DataError, match=r"latency_ms: found '-5'; allowed: a finite number of 0 or more"
    ):
        shadow(
            tmp_path,
            [event("e1", answer, answer, ms=-5)],
            mapping=(*SHADOW, "shadow.latency_ms=ms"),
        )
    assert "risk_score: differs on 0 of 1 event" in told


def test_what_one_side_lacks_is_a_gap_or_a_failure_and_counted(tmp_path: Path) -> None:
    good = answer_text(10)
    rows, told = shadow(
        tmp_path,
        [
            event("nothing", good, None),
            event("empty", good, ""),
            event("timeout", good, None, why="timeout: 30 s"),
            event("refused", good, None, why="ConnectError: no route"),
            event("own", good, None, why="Boom"),
        ],
        mapping=(*SHADOW, "shadow.error=why"),
        causes=["ConnectError=connect", "Bo=timeout"],
    )
    assert len(rows) == 10
    assert "--cause Bo: is no error's first word; first words are: " in told
    by_name = {r["scenario_id"]: r for r in rows if r["version"] == "v2"}
    assert by_name["nothing"]["error"].startswith("cancelled: ")
    assert by_name["empty"]["text"] == ""
    assert by_name["timeout"]["error"] == "timeout: 30 s"
    assert by_name["refused"]["error"] == "connect: ConnectError: no route"
    assert by_name["own"]["error"] == "Boom"
    (v2,) = [line for line in told.splitlines() if line.startswith("v2:")]
    assert "0 of 5 answers readable" in v2
    for words in (
        "1 cancelled (a gap)",
        "1 connect (a gap)",
        "1 empty (counts as worst)",
        "1 timeout (counts as worst)",
        "1 recorded (counts as worst)",
    ):
        assert words in v2
    assert "both answers can be read on 0 of 5 events" in told


def test_outages_that_a_service_hid_are_failures(tmp_path: Path) -> None:
    hidden = {
        "risk_score": 50,
        "risk_level": "medium",
        "summary": "Analysis unavailable - LLM service error",
        "reasoning": "",
    }
    _, told = shadow(tmp_path, [event("e1", answer_text(45), hidden)])
    assert "v2: 0 of 1 answer readable, 1 fallback (counts as worst)" in told


def test_versions_may_be_columns_and_change_sides(tmp_path: Path) -> None:
    good = answer_text(1)
    mapping = (*SHADOW, "primary.version=live", "shadow.version=dark")
    rows, _ = shadow(
        tmp_path,
        [event("a", good, good, live="v1", dark="v2"), event("b", good, good, live=2, dark=1)],
        mapping=mapping,
        labels={},
    )
    assert [r["version"] for r in rows] == ["v1", "v2", "2", "1"]
    with pytest.raises(DataError, match="row 1: primary and shadow are both of version 'v1'"):
        shadow(tmp_path, [event("a", good, good, live="v1", dark="v1")], mapping=mapping, labels={})
    with pytest.raises(DataError, match=r"no shadow\.version \(--shadow LABEL says it"):
        shadow(tmp_path, [event("a", good, good)], labels={"primary": "v1"})
    with pytest.raises(UsageError, match="both name its version"):
        shadow(tmp_path, [], mapping=mapping)


def test_an_event_that_comes_twice_is_refused(tmp_path: Path) -> None:
    good = answer_text(1)
    with pytest.raises(DataError, match=r"rows 1 and 3 are of the same event 'a'.*retry"):
        shadow(tmp_path, [event("a", good, good), event("b", good, good), event("a", good, good)])
    assert not (tmp_path / "completions.jsonl").exists()
    twice = [{"scenario_id": "a", "version": v, "text": good} for v in ("v1", "v2")]
    with pytest.raises(DataError, match="belongs to a shadow log"):
        ab(tmp_path, twice)


def test_what_is_declared_and_not_there_is_named(tmp_path: Path) -> None:
    good = answer_text(1)
    with pytest.raises(DataError, match=r"no event id in 'event_idd'.*event_id, old, new"):
        shadow(tmp_path, [event("a", good, good)], mapping=("scenario_id=event_idd",))
    with pytest.raises(DataError, match=r"no column 'latency'.*it has: event_id, old, new"):
        shadow(tmp_path, [event("a", good, good)], mapping=(*SHADOW, "shadow.latency_s=latency"))
    with pytest.raises(DataError, match=r"no column 'new\.rawr'"):
        shadow(tmp_path, [event("a", good, good)], mapping=(*SHADOW[:2], "shadow.text=new.rawr"))
    with pytest.raises(DataError, match="no column 'kamera'"):
        shadow(
            tmp_path,
            [event("a", good, good)],
            keep=["kamera"],
            scenarios=str(tmp_path / "s.jsonl"),
        )
    with pytest.raises(UsageError, match=r"--map 'primry.text=x'.*did you mean 'primary.text'"):
        shadow(tmp_path, [], mapping=("primry.text=x",))
    with pytest.raises(DataError, match="holds no row"):
        shadow(tmp_path, [])


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"scenario_id": "a", "text": "x"}, "has no version: nobody knows"),
        ({"version": "v1", "text": "x"}, "no event id"),
        ({"scenario_id": "a", "version": "v1", "text": ["x"]}, "found a list"),
        ({"scenario_id": "a", "version": "v1", "text": "x", "latency_s": "soon"}, "'soon'"),
        ({"scenario_id": "a", "version": "v1", "text": "x", "latency_ms": True}, "finite number"),
    ],
)
def test_rows_that_say_too_little_are_refused_by_number(
    tmp_path: Path, row: dict[str, Any], said: str
) -> None:
    fine = {"scenario_id": "z", "version": "v1", "text": "x"}
    with pytest.raises(DataError, match="row 2: .*" + said.replace("(", "\\(")):
        ab(tmp_path, [fine, row])


def test_scenarios_get_the_columns_that_are_kept(tmp_path: Path) -> None:
    truth = {"risk_range": [0, 25]}
    shadow(
        tmp_path,
        [event("a", "x", "y", cam={"name": "front"}, truth=truth)],
        keep=["camera=cam.name", "ground_truth=truth"],
        scenarios=str(tmp_path / "scenarios.jsonl"),
    )
    assert lines(tmp_path / "scenarios.jsonl") == [
        {"scenario_id": "a", "camera": "front", "ground_truth": truth}
    ]


def test_a_csv_cannot_tell_no_answer_from_an_empty_one(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    with path.open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerows([["event_id", "p", "s"], ["a", answer_text(1), ""]])
    out_path = tmp_path / "completions.jsonl"
    mapping = ("scenario_id=event_id", "primary.text=p", "shadow.text=s")
    import_log(str(path), str(out_path), Wish("shadow", mapping=mapping, labels=LABELS))
    assert lines(out_path)[1]["error"].startswith("cancelled: an empty cell")
    text = path.read_text("utf-8")
    path.write_text(text, "utf-16")  # as spreadsheets save it
    import_log(str(path), str(out_path), Wish("shadow", mapping=mapping, labels=LABELS))
    assert len(lines(out_path)) == 2
    path.write_text(text.replace("event_id,p,s", "event_id;p;s"), "utf-8")
    with pytest.raises(DataError, match="one column, 'event_id;p;s'"):
        import_log(str(path), str(out_path), Wish("shadow", mapping=mapping, labels=LABELS))
    path.write_text(text, "utf-8")
    with pytest.raises(DataError, match="no column 'sh'"):
        import_log(
            str(path),
            str(out_path),
            Wish("shadow", mapping=(*mapping[:2], "shadow.text=sh"), labels=LABELS),
        )


def test_an_ab_log_says_how_it_was_split_and_what_the_suite_needs(tmp_path: Path) -> None:
    rows = [{"scenario_id": i, "version": f"v{1 + i % 2}", "text": "x"} for i in range(8)]
    found, told = ab(tmp_path, rows)
    assert [r["scenario_id"] for r in found] == [str(i) for i in range(8)]
    assert "events went to: v1 50.0%, v2 50.0%" in told
    assert "design: {kind: unpaired, unit: scenario, split: {v1: SHARE, v2: SHARE}}" in told


def test_an_imported_shadow_log_is_compared_in_pairs(tmp_path: Path) -> None:
    names = scenario_ids(40)
    rows = [
        event(n, answer_text(good_score(n)), answer_text(99 if i % 2 else good_score(n)))
        for i, n in enumerate(names)
    ]
    rows[0]["new"]["raw"] = None
    shadow(tmp_path, rows)
    write_suite(
        tmp_path,
        rows=scenarios(40),
        provider={"use": "recorded", "path": "completions.jsonl"},
        scorers=[{"use": "risk_range"}],
        gate={"draws": 999},
    )
    c = compare(open_project(str(tmp_path / "promptreg.yaml")), "v1", "v2", Options())
    (row,) = [d for d in c.differences if d.metric == "in_range"]
    assert c.design is None
    assert row.n_scenarios == 40
    assert row.verdict is Verdict.REGRESSED
    assert row.missing.candidate == 1
    assert c.counts.failed["candidate"] == {"cancelled": 1}


def test_the_command_takes_logs_and_refuses_their_options_elsewhere(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = log(tmp_path, [event("a\x1b[31m", "x", "y")])
    out = str(tmp_path / "c.jsonl")
    maps = [part for item in SHADOW for part in ("--map", item)]
    asked = ["import", source, "-o", out, "--format", "shadow", *maps]
    assert run([*asked, "--primary", "v1", "--shadow", "v2"]) == 0
    assert "wrote 2 completions" in capsys.readouterr().out
    assert run(["import", source, "-o", out, "--primary", "v1"]) == 2
    assert "--format shadow or --format ab" in capsys.readouterr().err
    assert run([*asked, "--keep", "camera"]) == 2
    assert "--scenarios" in capsys.readouterr().err
    assert run(["import", source, "-o", out, "--format", "ab", "--primary", "v1"]) == 2
