"""A provider that is away, dies, refuses or fails: the right exit code, and nothing invented."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from command_line import Promptreg, essence, stored_keys
from fake_model import ModelServer, right, running
from fault_server import Fault, echo_secrets, free_port, hang, ok, status
from suite_factory import answer_text, good_score, write_suite

N = 30


def test_provider_is_down_from_the_start(tmp_path: Path) -> None:
    folder = write_suite(tmp_path, f"http://127.0.0.1:{free_port()}", n=N)
    finished = Promptreg(folder)("compare", "v1", "v2", "-o", "report.json")
    assert finished.code == 5
    assert finished.out == ""
    assert len(finished.err.splitlines()) == 1
    assert "llama_cpp" in finished.err
    assert "Connection refused" in finished.err or "Connect call failed" in finished.err
    assert "is the server running?" in finished.err
    assert not (folder / "report.json").exists()


def test_provider_dies_half_way(tmp_path: Path) -> None:
    def answer(scenario: str, version: str) -> str | Fault:
        return right(scenario, version) if len(server.calls) <= 20 else hang()

    with running(ModelServer(answer, port=free_port())) as server:
        quick = {"concurrency": 2, "retries": 1}
        folder = write_suite(tmp_path, server.url, n=N, provider=quick)
        promptreg = Promptreg(folder)
        process = promptreg.start("compare", "v1", "v2", "--json", "-o", "report.json")
        server.wait_for(21)
        port = server.port
    died = promptreg.end(process)
    assert died.code == 5
    assert died.out == ""
    assert "can no longer be reached" in died.err
    kept = stored_keys(folder)
    assert f"{len(kept)} of 60 trials are answered and kept" in died.err
    assert "the same command goes on from there" in died.err
    assert not (folder / "report.json").exists()
    assert 0 < len(kept) < 2 * N
    with running(ModelServer(port=port)) as server:
        finished = promptreg("compare", "v1", "v2", "--json")
        assert finished.code == 0
        assert finished.json["trials"]["called"] == 2 * N - len(kept)
        assert finished.json["trials"]["failed"] == {}
        assert not kept & set(server.keys)


@pytest.mark.slow
def test_offline_when_all_is_stored(tmp_path: Path) -> None:
    with running(ModelServer()) as server:
        promptreg = Promptreg(write_suite(tmp_path, server.url, n=N))
        online = promptreg("compare", "v1", "v2", "--json")
    offline = promptreg("compare", "v1", "v2", "--json")
    assert offline.code == 0
    (warning,) = (w for w in offline.json["warnings"] if "not reachable" in w)
    assert "read from the run store" in warning
    assert offline.json["trials"]["called"] == 0
    without = [essence(r.json | {"warnings": []}) for r in (online, offline)]
    assert without[0] == without[1]
    # One more scenario than is stored: that call cannot be made, and nothing stands in for it.
    write_suite(tmp_path, server.url, n=N + 1)
    more = promptreg("compare", "v1", "v2")
    assert more.code == 5
    assert "60 of 62 trials are answered and kept" in more.err


def test_a_refused_key_is_named_not_shown(tmp_path: Path, server: ModelServer) -> None:
    key = "planted-key-of-some-length"
    refused: Fault = echo_secrets(401)
    server.script = [refused] * 50
    folder = write_suite(tmp_path, server.url, n=N)
    finished = Promptreg(folder, {"NEMOTRON_API_KEY": key})("compare", "v1", "v2")
    assert finished.code == 5
    assert "NEMOTRON_API_KEY" in finished.err
    assert key not in finished.err + finished.out
    assert len(server.calls) <= 4  # nobody hammers at a closed door


@pytest.mark.slow
def test_a_missing_key_is_named_before_any_request(tmp_path: Path, server: ModelServer) -> None:
    missing = Promptreg(write_suite(tmp_path / "b", server.url, provider={"api_key_env": "NO_KEY"}))
    finished = missing("compare", "v1", "v2")
    assert finished.code == 5
    assert "NO_KEY is not set" in finished.err
    assert server.requests == []


def test_retries_until_it_works(tmp_path: Path, server: ModelServer) -> None:
    html = b"<html>Bad gateway</html>"
    server.script = [status(500), status(502, html, {"Content-Type": "text/html"}), status(503)]
    folder = write_suite(tmp_path, server.url, n=N)
    finished = Promptreg(folder)("compare", "v1", "v2", "--json")
    assert finished.code == 0
    report = finished.json
    assert report["trials"]["failed"] == {}
    assert report["trials"]["called"] == 2 * N
    assert len(server.calls) == 2 * N + 3
    # An attempt at the same call carries the same key.
    assert len(set(server.keys)) == 2 * N


def failing(share: int, fault: Fault) -> ModelServer:
    """Return a server on which v2 fails hard for so many of every ten scenarios."""

    def answer(scenario: str, version: str) -> str | Fault:
        bad = version == "v2" and int(scenario[1:]) % 10 < share
        return fault if bad else right(scenario, version)

    return ModelServer(answer)


def test_too_many_gaps_are_not_comparable(tmp_path: Path) -> None:
    with running(failing(3, status(500))) as server:
        folder = write_suite(tmp_path, server.url, n=N, provider={"retries": 0})
        promptreg = Promptreg(folder)
        finished = promptreg("compare", "v1", "v2", "-o", "report.json")
        assert finished.code == 4
        assert "30% of the candidate's trials" in finished.err
        assert "http_status 9" in finished.err
        assert "run again" in finished.err
        assert not (folder / "report.json").exists()
        server.forget()
        server.answer = right
        assert promptreg("gate", "v1", "v2", "-q").code == 3
        assert len(server.calls) == 9, "only failed calls are made anew"


@pytest.mark.slow
def test_few_gaps_are_bounded_both_ways(tmp_path: Path) -> None:
    with running(failing(1, status(500))) as server:
        folder = write_suite(
            tmp_path, server.url, n=200, provider={"retries": 0, "concurrency": 16}
        )
        finished = Promptreg(folder)("compare", "v1", "v2", "--json")
    assert finished.code == 0
    report = finished.json
    assert report["trials"]["failed"] == {"http_status": {"baseline": 0, "candidate": 20}}
    assert report["gate"]["verdict"] == "inconclusive"  # 10 % worse, or nothing at all
    (hit,) = (c for c in report["comparisons"] if c["metric"] == "in_range")
    assert hit["verdict"] == "inconclusive"
    assert hit["missing"] == {"baseline": 0, "candidate": 20}
    assert hit["interval"][0] <= -0.10
    assert hit["interval"][1] >= 0.0


def test_timeouts_count_as_the_worst_value(tmp_path: Path) -> None:
    with running(failing(3, hang())) as server:
        folder = write_suite(
            tmp_path,
            server.url,
            n=40,
            provider={"retries": 0, "concurrency": 16, "timeout": {"connect": 2, "read": 3}},
        )
        finished = Promptreg(folder)("gate", "v1", "v2", "--json")
    report = finished.json
    assert report["trials"]["failed"] == {"timeout": {"baseline": 0, "candidate": 12}}
    values = {c["metric"]: c["candidate"] for c in report["comparisons"]}
    assert values["answered"] == pytest.approx(0.70)
    assert values["in_range"] == pytest.approx(0.70)
    assert finished.code == report["gate"]["exit_code"] == 1


def test_a_spent_budget_stops_and_a_larger_one_goes_on(tmp_path: Path, server: ModelServer) -> None:
    promptreg = Promptreg(write_suite(tmp_path, server.url, n=N))
    stopped = promptreg("compare", "v1", "v2", "--budget", "25")
    assert stopped.code == 5
    assert "budget of 25 calls is spent" in stopped.err
    assert "25 of 60 trials are answered and kept" in stopped.err
    assert len(server.calls) == 25
    finished = promptreg("compare", "v1", "v2", "--budget", "35", "--json")
    assert finished.code == 0
    assert finished.json["trials"]["called"] == 35
    assert len(server.calls) == 60
    assert server.repeated == {}


@pytest.mark.slow
def test_answers_of_every_broken_kind_are_told_apart(tmp_path: Path) -> None:
    texts: dict[int, str | Fault] = {
        1: "",
        2: "no answer in here",
        3: answer_text("85"),
        4: answer_text(85.5),
        5: answer_text(101),
        6: answer_text(True),
        7: answer_text(None),
        8: answer_text(10)[:40],
        9: "<think>" * 30_000 + answer_text(10),
        10: '{"risk_score": 1, ' + answer_text(50)[1:],
        11: ok(b'{"content": null, "model": "fake.gguf"}'),
        12: ok(b'{"content": "\\ud800 \\u0000", "stop_type": "eos"}'),
        13: ok(b"not json at all"),
        14: status(404),
        15: status(400, json.dumps({"error": {"message": "bad grammar"}}).encode()),
    }

    def answer(scenario: str, version: str) -> str | Fault:
        number = int(scenario[1:])
        return texts.get(number, answer_text(good_score(scenario)))

    with running(ModelServer(answer)) as server:
        folder = write_suite(tmp_path, server.url, n=100, provider={"retries": 0})
        finished = Promptreg(folder)("compare", "v1", "v2", "--json", "-o", "r.html", "-o", "r.md")
    assert finished.code == 0, finished.err
    failed = {k: v["candidate"] for k, v in finished.json["trials"]["failed"].items()}
    assert failed == {"empty": 1, "unparseable": 4, "invalid": 6, "protocol": 2, "http_status": 2}
