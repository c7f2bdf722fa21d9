"""The journal: what it accepts, what it refuses, and what it folds to."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from promptreg.errors import DataError, PromptregError, StoreError, UsageError
from promptreg.journal import Decision, Event, Journal, Labelled, Moved, Registered, State
from promptreg.journal.events import How, content_sha256
from promptreg.journal.lines import line_of, parse_line

TOLD = {"at": "2026-01-21T00:00:00+00:00", "by": "Ann", "commit": "", "template": "basic"}
DECISION = Decision(
    verdict="pass",
    exit_code=0,
    reasons=("overall is equivalent",),
    baseline_run="a",
    candidate_run="b",
    provider="recorded",
    policy_sha256="1" * 64,
    report_sha256="2" * 64,
    options=("--alpha 0.1",),
)


def text(label: str, content: str = "") -> Registered:
    content = content or f"Text of {label}: {{x}} é \U0001f600 \x1b[31m\u2028\n"
    return Registered(
        **TOLD,
        label=label,
        sha256=content_sha256("format", content),
        engine="format",
        variables=("x",),
        source=f"{label}.txt",
        text=content,
    )


def move(to: Registered, *after: Moved, how: How = "promoted", at: str = "") -> Moved:
    """Return a move that follows others; the first one's target is where it comes from."""
    moved = Moved(
        **TOLD | ({"at": at} if at else {}),
        how=how,
        alias="production",
        from_sha256=after[0].to_sha256 if after else "",
        to_sha256=to.sha256,
        label=to.label,
        after=tuple(m.id for m in after),
        decision=DECISION if how == "promoted" else None,
        override="",
        reason="",
    )
    kept = parse_line(line_of(moved), "the journal")  # with the id that its content gives it
    assert isinstance(kept, Moved)
    return kept


V1, V2, V3 = text("v1"), text("v2"), text("v3")


def journal(folder: Path, *events: Event) -> Journal:
    made = Journal(folder / "r.jsonl")
    made.path.write_text("".join(line_of(e) + "\n" for e in events), "ascii")
    return made


def here(state: State) -> str:
    alias = state.alias("basic", "production")
    assert alias is not None
    return alias.now.label


def test_what_is_appended_is_read_back(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "new" / "r.jsonl")
    assert journal.read().versions == {}
    assert not journal.path.parent.exists()
    first = move(V1)
    journal.append(lambda _: [V1, V2])
    journal.append(lambda _: [first])
    state = journal.append(lambda _: [move(V2, first)])
    again = journal.read()
    assert state == again
    version = again.version("basic", V1.sha256)
    assert version is not None
    assert version.registered == V1
    assert here(again) == "v2"
    alias = again.alias("basic", "production")
    assert alias is not None
    assert alias.moves[0].decision == DECISION
    assert again.pointing("basic", V2.sha256) == ["production"]
    assert again.pointing("basic", V1.sha256) == []


def test_lines_have_one_spelling_and_a_fixed_order() -> None:
    for event in (V1, move(V1), Labelled(**TOLD, label="new", sha256=V1.sha256)):
        line = line_of(event)
        assert line.isascii()
        assert "\n" not in line
        assert parse_line(line, "x") == event
        assert list(json.loads(line))[:6] == [
            *("schema", "event", "at", "by", "commit", "template"),
        ]


def test_the_order_of_lines_does_not_matter(tmp_path: Path) -> None:
    first = move(V1)
    second = move(V2, first)
    back = move(V1, second, how="rolled_back")
    third = move(V3, back)
    events: list[Event] = [V1, V2, V3, first, second, back, third, first]  # one line twice
    want = journal(tmp_path, *events).read()
    alias = want.alias("basic", "production")
    assert alias is not None
    assert [m.label for m in alias.trail] == ["v1", "v3"]  # what was rolled back is out
    assert len(alias.moves) == 4
    for seed in range(10):
        random.Random(seed).shuffle(events)
        assert journal(tmp_path, *events).read() == want


def test_merged_branches_that_disagree_are_disputed_until_settled(tmp_path: Path) -> None:
    first = move(V1)
    left, right = move(V2, first), move(V3, first)
    for lines in ((left, right), (right, left)):
        state = journal(tmp_path, V1, V2, V3, first, *lines).read()
        with pytest.raises(UsageError, match=r"merged moved it to v2 .* and v3|v3 .* and v2"):
            here(state)
        assert state.pointing("basic", V2.sha256) == ["production"]
    settled = move(V2, left, right, how="rolled_back")
    state = journal(tmp_path, V1, V2, V3, first, left, right, settled).read()
    assert here(state) == "v2"


def test_merged_branches_that_agree_are_not_disputed(tmp_path: Path) -> None:
    first = move(V1)
    one, other = move(V2, first), move(V2, first, at="2026-01-22T00:00:00+00:00")
    assert here(journal(tmp_path, V1, V2, first, one, other).read()) == "v2"


def test_the_first_registration_counts_and_labels_add_up(tmp_path: Path) -> None:
    more = Labelled(**TOLD, label="final", sha256=V1.sha256)
    state = journal(tmp_path, V1, V1, more).read()
    version = state.version("basic", V1.sha256)
    assert version is not None
    assert version.labels == ("v1", "final")
    assert state.labelled("basic", "final") == [version]


def changed(event: Event, /, **fields: object) -> str:
    return json.dumps({**json.loads(line_of(event)), **fields})


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 2: is damaged, no JSON"),
        ("", "line 2: is empty"),
        ("[]", "line 2: is .*; expected a JSON object"),
        ("[" * 100_000, "line 2: is damaged, no JSON"),
        ("<<<<<<< HEAD", "line 2: an unresolved merge.*merge=union"),
        (changed(V1, schema=2), "line 2: schema 2, written by a newer promptreg; this one reads 1"),
        (changed(V1, schema=0), "line 2: 'schema' is 0"),
        (changed(V1, schema=True), "line 2: 'schema' is True"),
        (changed(V1, event="deleted"), "line 2: 'event' is 'deleted'; expected one of registered"),
        (changed(V1, text="Be evil."), "line 2: the text of basic@v1 was changed"),
        (changed(V1, by="Eve"), "line 2: was changed after it was written"),
        (changed(V1, text="\ud800"), "half of a surrogate pair"),
        (changed(V1, text="x" * 100_001), "'text' is longer than 100,000 characters"),
        (changed(V1, sha256="abc"), "'sha256' is 'abc'; expected a SHA-256"),
        (changed(V1, engine="mako"), "'engine' is 'mako'; expected one of format"),
        (changed(V1, extra=1), "line 2: unknown field 'extra'"),
        (changed(V1, variables="x"), "'variables' is 'x'; expected a list of texts"),
        (changed(V1, template="../x"), "'template' is '../x'"),
        (changed(move(V1), override="fine"), "line 2: was changed after it was written"),
        (changed(move(V1), decision={"verdict": "pass"}), "decision: 'exit_code' is missing"),
        (line_of(V1).replace('"by"', '"at":"x","by"'), "a key appears twice"),
        (line_of(V1).replace('"schema":1', '"schema":NaN'), "NaN is no number"),
        (line_of(move(V3)), "line 2: .* speaks of the version .*, which is not registered"),
        (line_of(move(V1, move(V1))), "line 2: .*follows a move with the id .*not in this file"),
        (
            line_of(Labelled(**TOLD, label="x", sha256="0" * 64)),
            "line 2: .*labels the version 000000000000, which is not registered",
        ),
    ],
)
def test_damage_is_named_with_file_and_line(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "r.jsonl"
    path.write_text(f"{line_of(V1)}\n{line}\n{line_of(V2)}\n")
    before = path.read_bytes()
    with pytest.raises(DataError, match=message) as caught:
        Journal(path).read()
    assert str(path) in str(caught.value)
    with pytest.raises(DataError, match=message):
        Journal(path).append(lambda _: [V3])
    assert path.read_bytes() == before


def test_damage_below_the_text(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.write_bytes(line_of(V1).encode() + b"\n\xff\xfe\n")
    with pytest.raises(DataError, match="line 2: is damaged, no UTF-8"):
        Journal(path).read()
    path.write_bytes(b"x" * (2 * 2**20 + 1))
    with pytest.raises(DataError, match="line 1: longer than 2,097,152 bytes"):
        Journal(path).read()
    with path.open("wb") as file:
        file.truncate(64 * 2**20 + 1)
    with pytest.raises(DataError, match="larger than 67,108,864 bytes"):
        Journal(path).read()
    with pytest.raises(DataError, match="larger than"):
        Journal(path).append(lambda _: [V1])
    path.unlink()
    path.mkdir()
    with pytest.raises(DataError, match="no regular file"):
        Journal(path).read()
    with pytest.raises(PromptregError, match=r"r.jsonl"):
        Journal(path).append(lambda _: [V1])


def test_a_cut_off_last_line_is_refused_and_a_missing_line_end_is_not(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.write_text(line_of(V1) + "\n" + line_of(V2)[:80])
    with pytest.raises(DataError, match=r"line 2: .*the last line was cut off"):
        Journal(path).read()
    path.write_text("\ufeff" + line_of(V1) + "\r\n" + line_of(V2))
    state = Journal(path).append(lambda _: [V3])
    assert len(state.versions["basic"]) == 3
    assert Journal(path).read() == state


def test_a_refusal_under_the_lock_writes_nothing(tmp_path: Path) -> None:
    made = journal(tmp_path, V1)
    before = made.path.read_bytes()

    def refuse(state: State) -> list[Event]:
        assert state.version("basic", V1.sha256)
        raise UsageError("no")

    with pytest.raises(UsageError):
        made.append(refuse)
    with pytest.raises(DataError, match="not registered"):  # would not be readable
        made.append(lambda _: [V2, move(V3)])
    assert made.path.read_bytes() == before


def test_a_file_that_git_replaces_while_one_waits_is_read_anew(tmp_path: Path) -> None:
    made = journal(tmp_path, V1)
    holding, go = threading.Event(), threading.Event()

    def hold(state: State) -> list[Event]:
        holding.set()
        assert go.wait(60)
        return []

    first = threading.Thread(target=lambda: made.append(hold))
    first.start()
    assert holding.wait(60)
    seen: list[State] = []
    second = threading.Thread(target=lambda: seen.append(made.append(lambda _: [V3])))
    second.start()
    other = tmp_path / "other"
    other.write_text(line_of(V1) + "\n" + line_of(V2) + "\n")
    other.replace(made.path)  # as a checkout does
    go.set()
    first.join(60)
    second.join(60)
    assert len(seen[0].versions["basic"]) == 3
    assert made.read() == seen[0]


WORKER = """
import sys
from pathlib import Path
from promptreg.journal import Journal, Registered
from promptreg.journal.events import content_sha256
path, who, n = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
for i in range(n):
    def make(state):
        count = sum(map(len, state.versions.values()))
        text = f"{count} by {who} " + "x" * 5000
        return [Registered(at="2026-01-21", by=who, commit="", template="basic",
            label=f"v{count}", sha256=content_sha256("raw", text), engine="raw", variables=(),
            source="", text=text)]
    Journal(path).append(make)
"""


def test_two_processes_lose_nothing_and_see_each_other(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    workers = [
        subprocess.Popen([sys.executable, "-c", WORKER, str(path), who, "25"])
        for who in ("one", "two")
    ]
    assert [w.wait(180) for w in workers] == [0, 0]
    versions = Journal(path).read().versions["basic"].values()
    # Each event was made from the state with all before it: no number twice, none left out.
    assert sorted(int(v.labels[0][1:]) for v in versions) == list(range(50))
    assert {v.registered.by for v in versions} == {"one", "two"}


def test_a_write_that_fails_half_way_leaves_nothing(tmp_path: Path) -> None:
    path = journal(tmp_path, V1).path
    before = path.read_bytes()
    code = (
        "import resource, signal\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({len(before) + 100}, {len(before) + 100}))\n"
        "from promptreg.errors import StoreError\n"
        "try:\n"
        + "\n".join("    " + line for line in WORKER.strip().splitlines())
        + "\nexcept StoreError as e:\n    print(e)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path), "one", "1"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "cannot be written: File too large; nothing was recorded" in done.stdout
    assert path.read_bytes() == before


def test_no_permission_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be written"):
        Journal(tmp_path / "file" / "r.jsonl").append(lambda _: [V1])
