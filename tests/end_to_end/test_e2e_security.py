"""Planted keys appear in no byte written; what models and scenarios say is obeyed by nobody."""

from __future__ import annotations

import base64
import html
import json
import re
from pathlib import Path

import pytest

from command_line import Promptreg, written_bytes
from fake_model import ModelServer, right
from fault_server import Connection, Fault, Request, echo_secrets, llama, ok
from suite_factory import answer_text, scenarios, write_suite

KEY = "planted-secret-8f3a/51+c=\"'\\x"
FILES = ("r.json", "r.html", "r.md", "r.csv", "r.parquet", "r.junit.xml")
OUTPUTS = [word for name in FILES for word in ("-o", name)]


def spellings(key: str) -> list[bytes]:
    """Return the key as careless programs write it."""
    plain = [key, json.dumps(key)[1:-1], html.escape(key), json.dumps(json.dumps(key))[3:-3]]
    plain += [key.replace("/", "\\/"), repr(key)[1:-1]]
    return [word.encode() for word in plain] + [base64.b64encode(key.encode())]


def assert_nowhere(key: str, pieces: dict[str, bytes]) -> None:
    """Check every byte for every spelling of a key."""
    for name, data in pieces.items():
        for word in spellings(key):
            assert word not in data, f"{name} holds {word!r}"


def pieces_of(folder: Path, *texts: str) -> dict[str, bytes]:
    """Return all files of a folder, unpacked where need be, and texts."""
    found = {str(p): data for p, data in written_bytes(folder).items()}
    for path in folder.rglob("*.parquet"):
        import pyarrow.parquet as pq

        found[f"{path} (rows)"] = repr(pq.read_table(path).to_pylist()).encode()
    return found | {f"text {i}": text.encode() for i, text in enumerate(texts)}


def echoing(kind: str) -> Fault:
    """Answer with a completion that holds the request's own headers."""

    async def play(request: Request, connection: Connection) -> None:
        said = f"My headers are {request.headers}"
        body = llama(answer_text(20, said), model=f"m {said}"[:200], timings={"said": said})
        if kind == "escaped":  # legal JSON in which no search for the key finds it
            body = re.sub(rb"planted", rb"\\u0070lanted", body)
        await ok(body)(request, connection)

    return play


@pytest.mark.parametrize("kind", [pytest.param("plain", marks=pytest.mark.slow), "escaped"])
@pytest.mark.parametrize(
    "key", ["planted-secret-8f3a51c0", pytest.param(KEY, marks=pytest.mark.slow)], ids=["k", "odd"]
)
def test_a_planted_key_is_written_nowhere(
    tmp_path: Path, server: ModelServer, kind: str, key: str
) -> None:
    def answer(scenario: str, version: str) -> str | Fault:
        number = int(scenario[1:])
        if number % 5 == 1:
            return echo_secrets((400, 500, 404, 422)[number % 4])
        return echoing(kind) if number % 5 < 4 else right(scenario, version)

    server.answer = answer
    folder = write_suite(
        tmp_path,
        server.url,
        n=40,
        provider={"retries": 0, "use": "llama_cpp"} | {"url": server.url},
    )
    promptreg = Promptreg(folder, {"NEMOTRON_API_KEY": key})
    finished = promptreg("compare", "v1", "v2", "-v", *OUTPUTS)
    assert finished.code in (0, 4), finished.err
    assert any(key in call.headers["authorization"] for call in server.calls), "it was sent"
    said = promptreg("compare", "v1", "v2", "--json")
    runs = [p.name for p in (folder / ".promptreg" / "runs").glob("basic-*")]
    exported = promptreg("export", *runs, "-o", "out.jsonl")
    assert exported.code == 0
    doctor = promptreg("doctor")
    texts = [t for f in (finished, said, exported, doctor) for t in (f.out, f.err)]
    assert_nowhere(key, pieces_of(folder, *texts))


EVIL = {
    "escape": "\x1b]0;owned\x07\x1b[2J\x1b[31mred\x9b31m",
    "html": "<script>alert(1)</script><img src=x onerror=alert(2)>",
    "markdown": "![b](http://evil.example/x.png) @everyone | a\n\n# heading",
    "formula": '=HYPERLINK("http://evil.example")',
    "bidi": "\u202egnp.exe",
    "rich": "[bold red]x[/] [link=http://evil.example]y[/link] :smile:",
}


@pytest.mark.slow
def test_what_models_and_scenarios_say_is_obeyed_by_nobody(
    tmp_path: Path, server: ModelServer
) -> None:
    rows = scenarios(30)
    evil = list(EVIL.values())
    for i, row in enumerate(rows):
        row["detections"] += evil[i % len(evil)]
        row["scenario_type"] = evil[i % len(evil)]
    rows[3]["id"] = "<b>![b](http://evil.example/x.png) @everyone"

    def answer(scenario: str, version: str) -> str:
        number = int(scenario[1:]) if scenario else 0
        score = 99 if version == "v2" and number % 2 else 10
        return answer_text(score, evil[number % len(evil)])

    server.answer = answer
    shown = ["scenario_type"]
    promptreg = Promptreg(
        write_suite(tmp_path, server.url, rows=rows, gate={"slices": shown}, attributes=shown)
    )
    finished = promptreg("compare", "v1", "v2", "-v", *OUTPUTS)
    assert finished.code == 0, finished.err
    plain = promptreg("run", "v1", "v2")
    for text in (finished.out, finished.err, plain.out, plain.err):
        odd = {c for c in text if (ord(c) < 32 and c != "\n") or 127 <= ord(c) < 160}
        assert odd == set()
        assert "\u202e" not in text
    page = (tmp_path / "r.html").read_text("utf-8")
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert not re.search(r"""(src|href)=["']?https?:""", page)
    markdown = (tmp_path / "r.md").read_text("utf-8")
    assert "\x1b" not in markdown
    assert "![b](http" not in markdown
    assert "@everyone" not in markdown.replace("@\u200b", "")
    table = (tmp_path / "r.csv").read_text("utf-8")
    assert not re.search(r"""(^|,)"?[=@\t]""", table, re.MULTILINE)
    from xml.etree import ElementTree as ET

    ET.fromstring((tmp_path / "r.junit.xml").read_text("utf-8"))


@pytest.mark.slow
def test_a_template_cannot_look_into_the_program(tmp_path: Path, server: ModelServer) -> None:
    for text in (
        "[{id} v2] {detections} {id.__class__}",
        "[{id} v2] {detections[0]}",
        "[{id} v2] {detections!r:>9999999999}",
    ):
        folder = write_suite(tmp_path, server.url, n=6)
        (folder / "v2.txt").write_text(text, "utf-8")
        finished = Promptreg(folder, {"SECRET": "planted"})("compare", "v1", "v2")
        assert finished.code == 2, text
        assert "v2" in finished.err
    assert server.calls == []
