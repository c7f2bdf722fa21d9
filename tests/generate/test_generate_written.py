"""Data Designer writes scenarios at a model's server: what it is asked, and what becomes of it."""

from __future__ import annotations

import json
import os
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from command_line import Finished, Promptreg
from fault_server import chat, hang, ok
from writing_model import Asked, WritingModel, running, settings, status

pytestmark = [pytest.mark.heavy, pytest.mark.slow]
KEY = "planted-5f2c9be1d0"


def suite(folder: Path, url: str, **more: Any) -> Promptreg:
    """Write the file, and return the command in its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    section = {"generate": settings(url, **more)}
    (folder / "promptreg.yaml").write_text(json.dumps(section), "utf-8")
    return Promptreg(folder)


def made(folder: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(
        folder / "fixtures" / "scenarios.parquet"
    ).to_pylist()
    return rows


def manifest(folder: Path) -> Any:
    return json.loads((folder / "fixtures" / "manifest.json").read_text("utf-8"))


def good(done: Finished) -> Any:
    assert done.code == 0, done.err
    return done.json


def test_all_columns_are_written_and_each_request_says_its_schema(tmp_path: Path) -> None:
    own = [
        {"name": "mood", "kind": "values", "values": ["calm", "tense"]},
        {"name": "title", "kind": "expression", "expression": "{{ mood }} {{ camera_location }}"},
        {
            "name": "tweet",
            "kind": "text",
            "prompt": "Tweet it: {{ scenario_narrative }} {{ title }}",
        },
        {
            "name": "tags",
            "kind": "structured",
            "prompt": "Tags for {{ primary_object }}.",
            "schema": {
                "type": "object",
                "properties": {"tag": {"enum": ["a", "b"]}},
                "required": ["tag"],
            },
        },
    ]
    with running(WritingModel()) as server:
        facts = good(suite(tmp_path, server.url, own=own)("generate", "--json"))
        asked = list(server.calls)
    rows = made(tmp_path)
    assert len(rows) == facts["scenarios"] >= 6
    assert manifest(tmp_path)["counts"]["checks"]["validated"] == [len(rows), len(rows)]
    assert [t["covered"] == t["possible"] for t in facts["tuples"]][:2] == [True, True]
    with_context = sum(row["enrichment_context"] is not None for row in rows)
    assert 0 < with_context < len(rows)
    assert Counter(call.column for call in asked) == Counter(
        {
            **dict.fromkeys(
                [
                    *("scenario_narrative", "detections", "ground_truth", "expected_summary"),
                    *("reasoning_key_points", "quality", "tags", ""),
                ],
                len(rows),
            ),
            "enrichment_context": with_context,
        }
    )
    assert len({call.seed for call in asked}) == len(asked), "each request has a seed of its own"
    for call in asked:
        assert "promptreg_cell" not in json.dumps(call.body)
        assert (call.schema is None) == (call.column in ("", *_texts()))
    for row in rows:
        low, high = {"1": (1, 1), "2-3": (2, 3)}[row["detection_count"]]
        assert low <= len(row["detections"]) <= high
        assert row["detection_schema_valid"]
        assert row["temporal_consistency"]
        assert row["written_by"] == "fake-model"
        assert [row[d] for d in ("relevance", "actionability")] == [1, 1]
        assert row["reasoning_key_points"] == ["first point", "second point"]
        assert row["tags"] == {"tag": "a"}
        assert row["title"] == f"{row['mood']} front_door"
        assert row["ground_truth"]["risk_range"] in ([0, 25], [70, 100])
        assert row["written_ground_truth"]["risk_range"] == [0, 0]
        assert row["detections_list"] in row["formatted_prompt_input"]
        assert row["scenario_narrative"].split(". ")[0] in row["detections_list"]
    normal = sum(row["scenario_type"] == "normal" for row in rows)
    assert manifest(tmp_path)["counts"]["checks"]["written_range_fits"] == [normal, len(rows)]
    page = (tmp_path / "fixtures" / "coverage.md").read_text("utf-8")
    assert f"validated: {len(rows)} of {len(rows)}" in page
    assert not list((tmp_path / ".promptreg" / "generate").iterdir()), "nothing is left behind"


def _texts() -> tuple[str, ...]:
    return ("scenario_narrative", "expected_summary", "reasoning_key_points")


TEXTS = ["scenario_narrative", "expected_summary"]


def test_what_is_not_valid_is_written_again_and_then_replaced(tmp_path: Path) -> None:
    seen: Counter[str] = Counter()

    def answer(asked: Asked) -> str | None:
        if asked.column != "scenario_narrative":
            return None
        seen[asked.prompt] += 1
        if "vehicle" in asked.prompt and "night" in asked.prompt:
            return "A story <|im_end|> of something else"  # never valid
        return "A blank wall." if seen[asked.prompt] == 1 else None

    columns = [*TEXTS, "ground_truth"]
    with running(WritingModel(answer)) as server:
        done = suite(tmp_path, server.url, columns=columns)("generate")
        # Not one was valid in the first round: it is not asked on and on.
        assert done.code == 5
        assert "fake-model wrote 0 of" in done.err
        assert "names none of the story's key points" in done.err
        assert "'--no-cache' asks anew" in done.err
    assert not (tmp_path / "fixtures").exists()
    seen.clear()

    def half(asked: Asked) -> str | None:
        return answer(asked) if "night" in asked.prompt else None

    with running(WritingModel(half)) as server:
        run = suite(tmp_path, server.url, columns=columns)
        assert run("generate").code == 5, "the same requests have the same answers"
        assert server.calls == []
        done = run("generate", "--no-cache")
        assert done.code == 0, done.err
    rows = made(tmp_path)
    never = [r for r in rows if r["time_of_day"] == "night" and r["primary_object"] == "vehicle"]
    assert never
    assert f"validated: {len(rows) - len(never)} of {len(rows)}" in done.out
    for row in rows:
        by_rules = row in never
        assert row["written_by"] == ("rules" if by_rules else "fake-model")
        assert (row["written_ground_truth"] is None) == by_rules
    counts = manifest(tmp_path)["counts"]
    assert counts["checks"]["validated"] == [len(rows) - len(never), len(rows)]
    assert counts["reasons"]["scenario_narrative: holds the role token <|im_end|>"] == 2 * len(
        never
    )
    assert counts["made"] == len(rows)


def test_left_out_rows_are_failures_with_reasons(tmp_path: Path) -> None:
    def answer(asked: Asked) -> str | None:
        bad = asked.column == "detections" and "vehicle" in asked.prompt
        return '{"detections": [' if bad else None

    more = {"columns": ["detections"], "invalid": "leave_out", "max_failed": 0.7, "rounds": 2}
    with running(WritingModel(answer)) as server:
        done = suite(tmp_path, server.url, least_written=0.1, **more)("generate")
        asked = Counter(json.dumps(c.body["messages"][0]) for c in server.calls)
    assert done.code == 0, done.err
    rows = made(tmp_path)
    assert {row["primary_object"] for row in rows} == {"person"}
    counts = manifest(tmp_path)["counts"]
    assert counts["failed"] == counts["planned"] - len(rows) > 0
    assert max(asked.values()) == 4, "two rounds with one correction each"
    assert any(reason.startswith("detections: ") for reason in counts["reasons"])


HOSTILE = ['{"a": 1}', "[1, 2]", "85", "\u202eevil \u0000", "x" * 5000, "   ", "{{ 7 * 7 }}"]


def test_hostile_texts_get_nowhere_and_break_nothing(tmp_path: Path) -> None:
    bad = iter(HOSTILE)

    def answer(asked: Asked) -> str | None:
        return next(bad, None) if asked.column == "expected_summary" else None

    more = {"columns": TEXTS, "rounds": 1, "least_written": 0.1, "size": 9}
    with running(WritingModel(answer)) as server:
        done = suite(tmp_path, server.url, **more)("generate")
    assert done.code == 0, done.err
    rows = made(tmp_path)
    written = {row["expected_summary"] for row in rows if row["written_by"] != "rules"}
    # Braces are a text like any other, and are not evaluated; the rest is refused, one way each.
    assert written == {"A plain sentence.", "{{ 7 * 7 }}"}
    assert sum(row["written_by"] == "rules" for row in rows) == len(HOSTILE) - 1
    assert manifest(tmp_path)["counts"]["checks"]["validated"] == [3, 9]


def test_a_killed_generation_goes_on_and_asks_nothing_twice(tmp_path: Path) -> None:
    command: Any = None
    with running(WritingModel(delay_s=0.05)) as server:
        run = suite(tmp_path, server.url, columns=[*TEXTS, "ground_truth"], size=12)

        def kill(n: int) -> None:
            if n == 14 and command is not None:
                os.kill(command.pid, signal.SIGKILL)

        server.on_call = kill
        command = run.start("generate")
        command.communicate(timeout=120)
        assert command.returncode == -signal.SIGKILL
        time.sleep(1)
        before = len(server.calls)
        time.sleep(1)
        assert len(server.calls) == before, "the worker asks on for nobody"
        command = None
        done = run("generate")
        assert done.code == 0, done.err
        asked = Counter(json.dumps(c.body, sort_keys=True) for c in server.calls)
    rows = made(tmp_path)
    assert len(rows) == 12
    # What was in flight at the kill may be asked again, and nothing else.
    assert sum(asked.values()) - len(asked) <= 4
    assert len(asked) == 3 * 12
    assert manifest(tmp_path)["cost"]["calls"] == 3 * 12


def test_a_budget_stops_before_it_is_passed_and_the_next_call_goes_on(tmp_path: Path) -> None:
    with running(WritingModel()) as server:
        run = suite(tmp_path, server.url, columns=TEXTS, budget={"requests": 9})
        done = run("generate", "--budget", "5")
        assert (done.code, len(server.calls)) == (5, 5)
        assert "the budget is spent" in done.err
        done = run("generate")
        assert (done.code, len(server.calls)) == (5, 9)
        assert "generate.budget is spent (9 requests" in done.err
        run = suite(tmp_path, server.url, columns=TEXTS, budget={"requests": 900})
        assert run("generate").code == 0
        assert len(server.calls) == 2 * len(made(tmp_path))


def test_ctrl_c_ends_both_processes_and_says_how_to_go_on(tmp_path: Path) -> None:
    with running(WritingModel(lambda asked: hang())) as server:
        run = suite(tmp_path, server.url, columns=TEXTS)
        server.on_call = lambda n: process.send_signal(signal.SIGINT) if n == 1 else None
        process = run.start("generate")
        done = run.end(process)
        assert done.code == 130
        before = len(server.calls)
        time.sleep(1)
        assert len(server.calls) == before


def test_a_server_that_dies_or_refuses_ends_it_with_what_was_made(tmp_path: Path) -> None:
    asked: list[int] = []

    def dying(call: Asked) -> Any:
        asked.append(1)
        return None if len(asked) <= 9 else status(503, b"{}")

    with running(WritingModel(dying)) as server:
        run = suite(tmp_path, server.url, columns=TEXTS, size=12, timeout=5)
        done = run("generate", within_s=240)
    assert done.code == 5
    assert "no longer answers" in done.err
    # Nobody there at all; then somebody who does not know the key, and quotes it.
    assert "no model answers at" in run("generate").err
    refusing = status(401, json.dumps({"error": {"message": f"bad key {KEY}"}}).encode())
    with running(WritingModel(lambda call: refusing)) as server:
        models = {
            "writer": {
                "provider": "openai",
                "url": server.url,
                "model": "m",
                "api_key_env": "SOME_KEY",
            }
        }
        run = suite(tmp_path / "other", server.url, models=models, columns=TEXTS)
        done = run("generate", env={"SOME_KEY": KEY})
        assert server.calls[0].headers["authorization"] == f"Bearer {KEY}"
    assert done.code == 5
    assert "refuses" in done.err
    for path in (tmp_path / "other").rglob("*"):
        assert not path.is_file() or KEY not in path.read_text("utf-8", "replace"), path
    assert KEY not in done.out + done.err


def test_an_answer_that_is_cut_off_is_not_taken_for_a_whole_one(tmp_path: Path) -> None:
    def answer(asked: Asked) -> Any:
        short = asked.column == "expected_summary" and "night" in asked.prompt
        return ok(chat("And then the", finish="length")) if short else None

    with running(WritingModel(answer)) as server:
        done = suite(tmp_path, server.url, columns=TEXTS, rounds=1)("generate")
    assert done.code == 0, done.err
    assert "expected_summary: was cut off at max_tokens" in done.err
    for row in made(tmp_path):
        assert (row["written_by"] == "rules") == (row["time_of_day"] == "night")


def test_images_reach_the_vision_model(tmp_path: Path) -> None:
    png = b"\x89PNG\r\n\x1a\n" + b"0" * 40
    for kind in ("normal", "threat"):
        (tmp_path / "images" / kind).mkdir(parents=True)
        data = png + b"%d" % (kind == "threat")
        (tmp_path / "images" / kind / "one.png").write_bytes(data)
    with running(WritingModel()) as server:
        models = settings(server.url)["models"]
        models["eyes"] = {**models["writer"], "model": "seeing"}
        columns = ["nvidia_vision_description", "vision_alignment_score"]
        run = suite(
            tmp_path, server.url, models=models, images="images", vision="eyes", columns=columns
        )
        facts = good(run("generate", "--json"))
        seen = [c for c in server.calls if c.column == "nvidia_vision_description"]
    assert len(seen) == facts["scenarios"]
    assert {c.body["model"] for c in seen} == {"seeing"}
    assert all(c.images[0].startswith("data:image/png;base64,iVBOR") for c in seen)
    for row in made(tmp_path):
        name, _, kind = row["image_path"].partition(".")
        assert (tmp_path / "fixtures" / row["image_path"]).read_bytes() == png + b"%d" % (
            row["scenario_type"] == "threat"
        )
        assert (name[:7], kind) == ("images/", "png")
        assert row["nvidia_vision_description"]["setting"] == "indoor"
        assert row["vision_alignment_score"] == 1


def test_any_domain_with_own_columns_and_a_preview(tmp_path: Path) -> None:
    more = {
        "recipe": "plain",
        "attributes": {"language": ["en", "de"], "tone": ["terse", "polite"]},
        "own": [{"name": "mail", "kind": "text", "prompt": "A {{ tone }} mail in {{ language }}."}],
    }
    with running(WritingModel()) as server:
        run = suite(tmp_path, server.url, **more)
        shown = good(run("generate", "-n", "2", "--json"))
        assert len(shown["scenarios"]) == len(server.calls) == 2
        assert not (tmp_path / "fixtures").exists()
        assert good(run("generate", "--json"))["scenarios"] == 4
        assert "A terse mail in en." in {c.prompt for c in server.calls}
    assert {row["mail"] for row in made(tmp_path)} == {"A plain sentence."}


def test_a_full_disk_is_said_and_leaves_what_was_made(tmp_path: Path) -> None:
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (9000, 9000));"
        "sys.argv = ['promptreg', 'generate']; from promptreg.__main__ import main; main()"
    )
    with running(WritingModel(lambda asked: "word " * 700)) as server:
        run = suite(tmp_path, server.url, columns=["expected_summary"], least_written=0)
        done = run.end(run._popen(("-c", code), {"PYTHONDONTWRITEBYTECODE": "1"}, -1, -1))
    assert done.code == 5
    assert "what was made before is kept" in done.err
    assert not (tmp_path / "fixtures").exists()
