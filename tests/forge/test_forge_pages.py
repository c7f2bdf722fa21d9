"""Summary, annotations, comment: whole, within limits, and only text from others."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from comparison_factory import (
    HOSTILE,
    TRICKS,
    changes,
    hostile_comparison,
    make_comparison,
    poison,
)
from forge_server import ForgeServer
from promptreg.errors import ProviderError
from promptreg.verdicts import Comparison, GateVerdict, Verdict
from promptreg_plugins.forge import comparison_finished
from promptreg_plugins.forge.annotations import place_of
from promptreg_plugins.forge.job import Job
from promptreg_plugins.forge.pages import decision_page, failure_page
from promptreg_plugins.forge.sticky import Marker
from promptreg_plugins.forge.summary import LIMIT, octets
from promptreg_plugins.markdown.escaping import escape, fenced

Env = Callable[..., dict[str, str]]
COMMANDS = (
    "::set-env name=PATH::/tmp",
    "::stop-commands::x",
    "##[add-mask]a",
    "x\n::error::forged",
    "x\r::error::forged",
    "a%0A::error::b",
    "title=x,line=9::error::",
    "/close",
    "/merge\n/approve",
    "fixes #12, !7, GH-3, @team, team/cameras#4, :tada:",
    "![x](https://evil.example/p.png)",
    "```\n</details>\n# shouted",
    "-->\n<img src=https://evil.example/p.png>",
)
OURS = {"h2", "h3", "p", "strong", "ul", "li", "em", "table", "thead", "tbody", "tr", "th", "td"}
OURS |= {"details", "summary", "sub", "pre", "code", "blockquote", "a", "br"}


class Tags(HTMLParser):
    """Collects every tag, link and comment of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: set[str] = set()
        self.comments: list[str] = []
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links |= {v or "" for k, v in attrs if k in ("href", "src")}
        if tag in ("details", "summary", "sub"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in ("details", "summary", "sub"):
            assert self.open.pop() == tag

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)


def read(page: str) -> Tags:
    """Return what a page is made of, rendered as GitHub would."""
    reader = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    found = Tags(reader.render(page))
    assert found.open == []
    return found


def job(folder: Path = Path()) -> Job:
    page = "https://github.com/team/cameras/actions/runs/5"
    return Job(5, page, "artifacts of this run", (("tested", "c" * 40),), ("git fetch",), folder)


def assert_inert(page: str) -> None:
    found = read(page)
    assert found.tags <= OURS, found.tags - OURS
    assert all(
        re.fullmatch(r"https://github\.com/team/cameras/actions/runs/\d+", x) for x in found.links
    )
    assert len(found.comments) <= 1
    outside = re.sub(r"(?ms)^(`{3,})\w*\n.*?\n\1$", "", page)
    assert not re.search(r"@\w", outside)
    assert not re.search(r"(?m)^\s*[/]", page)
    assert not re.search(r"[#!]\d|(?i:\bgh-\d)", re.sub(r"&#\d+;", "", outside))


@pytest.mark.parametrize("text", [*TRICKS, *COMMANDS, HOSTILE])
def test_hostile_text_is_text(text: str) -> None:
    comparison = poison(make_comparison(), f" {text}")
    marker = str(Marker(f"x{text}", text, 3))
    assert "\n" not in marker
    assert_inert(decision_page(comparison, job(), 64_000, shown=5, marker=marker))
    failed = failure_page(f"x{text}", ProviderError(f"a\n{text}"), job(), marker=marker)
    assert_inert(failed)
    read_back = Marker.read(failed)
    assert read_back is not None
    assert read_back.fits(Marker(f"x{text}", "elsewhere"))


@given(st.text(alphabet="`~/\n\t +-ab<>", max_size=60))
def test_nothing_ends_a_block_of_code(text: str) -> None:
    block = fenced(text)
    found = MarkdownIt("commonmark").parse(f"x\n\n{block}\n\n# end")
    kinds = [t.type for t in found]
    assert kinds.count("fence") == 1
    assert kinds[-3:] == ["heading_open", "inline", "heading_close"]


@given(st.text(max_size=60))
def test_escaped_text_starts_no_command(text: str) -> None:
    assert not escape(text).lstrip().startswith("/")


def flood(scenarios: int = 2_000) -> Comparison:
    """Return a comparison in which everything is hostile, long and many."""
    made = make_comparison(templates=tuple(f"t{i}" for i in range(40)))
    listed = changes("t0", __import__("random").Random(1), scenarios)
    many = dataclasses.replace(made, changes=tuple(listed), warnings=("w",) * 50)
    hostile: Comparison = poison(many, HOSTILE + " x" * 2_000)
    return dataclasses.replace(
        hostile,
        limits=hostile.limits * 40,
        template_diffs={k: (a, b + "\nline" * 5_000) for k, (a, b) in made.template_diffs.items()},
    )


@pytest.mark.slow
def test_pages_keep_their_limits_and_say_what_is_missing(
    forge: ForgeServer, github: Env, tmp_path: Path
) -> None:
    summary = tmp_path / "summary.md"
    summary.write_text("x" * 1_000_000, "utf-8")
    comparison_finished(flood(), github())
    (body,) = forge.bodies  # the server refuses what is too long
    assert len(body.encode("utf-16-le")) // 2 <= 64_000
    assert summary.stat().st_size <= LIMIT
    for page in (body, summary.read_text("utf-8")[1_000_000:]):
        assert page.count("Left out, because it did not fit here: ") == 1
        read(page)  # cut between rows: every tag is closed
        assert "GATE FAIL" in page[:400]
        assert page.rstrip().endswith("</sub>")


def test_what_matters_least_goes_first(tmp_path: Path) -> None:
    made = make_comparison()
    words = [
        "<summary>Template basic",
        "<summary>Failed",
        "<summary>Scenarios, p-values",
        "**Scenarios that became",
        "<summary>Slices of basic",
        "**Warning:**",
        "**Limits on",
        "| in_range |",
    ]
    gone: list[str] = []
    for limit in range(22_000, 1_000, -250):
        page = decision_page(made, job(), limit, shown=5)
        assert len(page) <= max(limit, 2_600)
        gone += [w for w in words if w not in page and w not in gone]
    assert gone == words[: len(gone)]
    assert len(gone) > 5


def test_a_full_summary_is_told(
    forge: ForgeServer, github: Env, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "summary.md").write_bytes(b"x" * (LIMIT - 3_000))
    comparison_finished(make_comparison(), github())
    assert "the step summary holds 1,045,576 bytes already" in capfd.readouterr().err
    assert len(forge.bodies) == 1
    comparison_finished(make_comparison(), github(GITHUB_STEP_SUMMARY=str(tmp_path)))
    assert "step summary: " in capfd.readouterr().err
    assert octets("é") == 2


def annotation_lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("::")]


@pytest.mark.parametrize("text", COMMANDS)
def test_annotations_are_one_line_each_and_ten_at_most(
    github: Env, capfd: pytest.CaptureFixture[str], text: str
) -> None:
    made = make_comparison(templates=tuple(f"t{i}" for i in range(9)))
    comparison_finished(poison(made, text), github(PROMPTREG_GITHUB_TOKEN=""))
    shown = capfd.readouterr()
    assert shown.out == ""
    lines = annotation_lines(shown.err)
    assert len(lines) == 10
    for line in lines:
        assert re.fullmatch(r"::error title=[^:,]*::[^\r\n]*", line), line
    assert all(line.startswith("::error title=") for line in shown.err.splitlines())
    assert "and 10 more" in lines[-1]


def test_what_is_open_is_a_warning_and_a_pass_warns_of_slices_alone(
    github: Env, capfd: pytest.CaptureFixture[str]
) -> None:
    made = make_comparison(verdict=GateVerdict.INCONCLUSIVE)
    rows = [d for d in made.differences if d.verdict is not Verdict.REGRESSED]
    comparison_finished(dataclasses.replace(made, differences=tuple(rows)), github())
    lines = annotation_lines(capfd.readouterr().err)
    assert lines
    assert all(line.startswith("::warning title=") for line in lines)
    passed = make_comparison(verdict=GateVerdict.PASS, templates=("basic",))
    silent = dataclasses.replace(passed, differences=tuple(rows))
    comparison_finished(silent, github())
    assert annotation_lines(capfd.readouterr().err) == []
    comparison_finished(passed, github())  # with slices that lost, which would go unread
    warned = annotation_lines(capfd.readouterr().err)
    assert warned
    assert all("basic%3A " in line and "(s" in line and "REGRESSED" in line for line in warned)


FILES = {
    "templates/basic.txt": ("{}", "templates/basic.txt", 3),
    "prompts.py:TEXT": ('"""Doc."""\n\nTEXT = """{}"""\n', "prompts.py", 5),
    "all.yaml#risk.text": ("risk:\n  text: |\n    indented\n", "all.yaml", 0),
}


@pytest.mark.parametrize("source", FILES)
def test_an_annotation_is_at_the_first_changed_line(
    source: str, tmp_path: Path, github: Env, capfd: pytest.CaptureFixture[str]
) -> None:
    before, after = "a\nb\nc\nd\n", "a\nb\nX\nd\n"
    form, path, line = FILES[source]
    folder = tmp_path / "sub, 100%"
    (folder / path).parent.mkdir(parents=True)
    (folder / path).write_text(form.replace("{}", after), "utf-8", newline="\r\n")
    made = make_comparison(templates=("basic",))
    made = dataclasses.replace(
        made,
        suite_file=str(folder / "promptreg.yaml"),
        template_diffs={"basic": (before, after)},
        candidate=dataclasses.replace(made.candidate, sources={"basic": source}),
    )
    assert place_of(made, "basic", job(tmp_path)) == (f"sub, 100%/{path}", line)
    comparison_finished(made, github())
    told = f"::error file=sub%2C 100%25/{path}," + (f"line={line}," if line else "") + "title="
    assert told in capfd.readouterr().err


@pytest.mark.parametrize("source", ["", "../../etc/passwd", "/etc/passwd", "x\0y", "git:HEAD~1"])
def test_a_source_that_is_no_file_of_the_checkout_has_no_place(source: str, tmp_path: Path) -> None:
    made = make_comparison(templates=("basic",))
    made = dataclasses.replace(
        made,
        suite_file=str(tmp_path / "promptreg.yaml"),
        candidate=dataclasses.replace(made.candidate, sources={"basic": source}),
    )
    assert place_of(made, "basic", job(tmp_path)) == ("", 0)


def test_cut_lines_are_shown_at_the_end(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("a\nb\n", "utf-8")
    made = make_comparison(templates=("basic",))
    made = dataclasses.replace(
        made,
        suite_file=str(tmp_path / "promptreg.yaml"),
        template_diffs={"basic": ("a\nb\nc\n", "a\nb\n")},
        candidate=dataclasses.replace(made.candidate, sources={"basic": "t.txt"}),
    )
    assert place_of(made, "basic", job(tmp_path)) == ("t.txt", 2)


def test_hostile_everything_is_shown_in_time(github: Env, forge: ForgeServer) -> None:
    comparison_finished(hostile_comparison(), github())
    assert_inert(forge.bodies[0])
