"""Where template texts come from, and what is refused on the way."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from promptreg.errors import TemplateError
from promptreg.stages.load import load_template
from promptreg.suite import TemplateEntry


def read(base: Path, source: str, engine: str = "format") -> str:
    entry = TemplateEntry(engine=engine, versions={"v1": source})  # type: ignore[arg-type]  # a literal
    return load_template("basic", "v1", entry, base).text


def refused(base: Path, source: str) -> str:
    with pytest.raises(TemplateError) as caught:
        read(base, source)
    assert "templates.basic.v1" in str(caught.value)
    return str(caught.value)


def test_a_text_file(tmp_path: Path) -> None:
    (tmp_path / "basic.txt").write_text("Camera: {camera}\n")
    entry = TemplateEntry(versions={"v1": "basic.txt"})
    template = load_template("basic", "v1", entry, tmp_path)
    assert (template.name, template.label, template.engine) == ("basic", "v1", "format")
    assert template.text == "Camera: {camera}\n"
    assert template.source == "basic.txt"
    with pytest.raises(TemplateError, match="no version 'v2'; there are: v1"):
        load_template("basic", "v2", entry, tmp_path)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_encodings_and_line_ends(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "t.txt").write_bytes("Käm\r\nera\rx\n".encode(encoding))
    assert read(tmp_path, "t.txt") == "Käm\nera\nx\n"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"a\n\0b", "line 2: holds a NUL character"),
        (b"ab\xff", "not valid UTF-8 at byte 2"),
        (b" \n", "is empty"),
        (b"x" * 1_000_001, "1,000,001 bytes; at most 1,000,000"),
        (b"\xff\xfe\x00\x00a\x00\x00\x00", "is UTF-32"),
    ],
)
def test_files_that_are_no_template(tmp_path: Path, data: bytes, message: str) -> None:
    (tmp_path / "t.txt").write_bytes(data)
    assert message in refused(tmp_path, "t.txt")


def test_only_files_of_the_project(tmp_path: Path) -> None:
    suite = tmp_path / "suite"
    suite.mkdir()
    (tmp_path / "secret.txt").write_text("secret")
    (suite / "link.txt").symlink_to(tmp_path / "secret.txt")
    (suite / "loop.txt").symlink_to(suite / "loop.txt")
    (suite / "folder").symlink_to(tmp_path)
    (suite / "own.txt").write_text("own")
    (suite / "good.txt").symlink_to(suite / "own.txt")
    for source in ("../secret.txt", str(tmp_path / "secret.txt"), "link.txt", "folder/secret.txt"):
        assert "leads outside of the project" in refused(suite, source)
    refused(suite, "loop.txt")
    assert "does not exist" in refused(suite, "gone.txt")
    assert read(suite, "good.txt") == "own"
    assert read(suite, str(suite / "own.txt")) == "own"
    (tmp_path / ".git").mkdir()  # now the project is larger
    assert read(suite, "../secret.txt") == "secret"
    os.mkfifo(suite / "pipe.txt")
    assert "is not a regular file" in refused(suite, "pipe.txt")


PROMPTS = '''
"""Prompts."""
import textwrap
from textwrap import dedent as d
from datetime import datetime

raise RuntimeError("this file must not be run")
SYSTEM = "You assess {camera}."
JOINED = "one " "two " + "three"
WITH = SYSTEM + "\\n" + JOINED
ANNOTATED: str = "annotated"
DEDENTED = textwrap.dedent("""\\
    a
      b
""")
SHORT = d("  x")
STRIPPED = """
text
""".strip()
PLAIN_F = f"no {{braces}} filled"
FILLED = f"now {datetime.now()}"
CALLED = str(datetime.now())
FORMATTED = "{}".format(1)
PERCENT = "%s" % 1
NUMBER = 3
SELF = SELF + "x"
TWICE = "a"
TWICE = "b"
GROWN = "a"
GROWN += "b"
if True:
    CONDITIONAL = "a"
B0 = 'x' * 1
C0 = 'xxxxxxxxxxxxxxxx'
'''
PROMPTS += "DEEP = " + " + ".join(["'x'"] * 1500) + "\n"
PROMPTS += "".join(f"C{i + 1} = C{i} + C{i}\n" for i in range(40))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("SYSTEM", "You assess {camera}."),
        ("JOINED", "one two three"),
        ("WITH", "You assess {camera}.\none two three"),
        ("ANNOTATED", "annotated"),
        ("DEDENTED", "a\n  b\n"),
        ("SHORT", "x"),
        ("STRIPPED", "text"),
        ("PLAIN_F", "no {braces} filled"),
        ("DEEP", "x" * 1500),
    ],
)
def test_constants_are_read_without_running(tmp_path: Path, name: str, expected: str) -> None:
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg" / "prompts.py").write_text(PROMPTS)
    assert read(tmp_path, f"pkg/prompts.py:{name}") == expected
    assert read(tmp_path, f"pkg.prompts:{name}") == expected


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("FILLED", "is an f-string, which runs code; a prompt must be the same text each time"),
        (
            "CALLED",
            "calls str(); a prompt must be the same text each time: code inside it (a clock",
        ),
        ("FORMATTED", "calls ….format()"),
        ("PERCENT", "is built by code (BinOp)"),
        ("B0", "is built by code (BinOp)"),
        ("NUMBER", "is bound to int, not to text"),
        ("SELF", "SELF is bound to itself"),
        ("TWICE", "TWICE is bound more than once"),
        ("GROWN", "GROWN is bound more than once"),
        ("CONDITIONAL", "or inside a block"),
        ("SYSTEN", "no module-level name 'SYSTEN' (did you mean 'SYSTEM'?)"),
        ("C40", "longer than 1,000,000 characters"),
    ],
)
def test_code_in_a_constant_is_refused(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "prompts.py").write_text(PROMPTS)
    assert message in refused(tmp_path, f"prompts.py:{name}")


def test_modules_are_found_without_being_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite, site = tmp_path / "suite", tmp_path / "site"
    for folder in (suite / "src" / "own", site / "other_prompts"):
        folder.mkdir(parents=True)
    (suite / "src" / "own" / "__init__.py").write_text("X = 'mine'\n1/0")
    (site / "other_prompts" / "__init__.py").write_text("1/0")
    (site / "other_prompts" / "texts.py").write_text("X = 'theirs'")
    monkeypatch.syspath_prepend(str(site))
    assert read(suite, "own:X") == "mine"
    assert read(suite, "other_prompts.texts:X") == "theirs"
    assert not {"own", "other_prompts"} & set(sys.modules)
    assert "no module 'gone.module'; looked for gone/module.py" in refused(suite, "gone.module:X")


def test_python_files_need_a_constant(tmp_path: Path) -> None:
    (tmp_path / "p.py").write_text("BASIC = 'x'\nother = 1")
    assert "name a constant, as p.py:NAME; there are: BASIC" in refused(tmp_path, "p.py")
    (tmp_path / "bad.py").write_text("X = (")
    assert "no valid Python" in refused(tmp_path, "bad.py:X")
    (tmp_path / "deep.py").write_text("X = " + "(" * 5000 + "1" + ")" * 5000)
    assert "no valid Python" in refused(tmp_path, "deep.py:X")
    (tmp_path / "odd.py").write_text("X = 'a\\d'")
    assert read(tmp_path, "odd.py:X") == "a\\d"


def test_keys_of_json_and_yaml(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(
        "prompts:\n  basic:\n    - text: |\n        Hello {x}\n  n: 3\n"
    )
    (tmp_path / "p.json").write_text('{"a": {"b": "B"}, "a2": {"b": 1, "b": 2}}'.replace("a2", "c"))
    assert read(tmp_path, "p.yaml#prompts.basic.0.text") == "Hello {x}\n"
    assert "the key 'b' appears twice" in refused(tmp_path, "p.json#a.b")
    (tmp_path / "p.json").write_text('{"a": {"b": "B"}}')
    assert read(tmp_path, "p.json#a.b") == "B"
    assert "no key 'basik' at prompts (did you mean 'basic'?)" in refused(
        tmp_path, "p.yaml#prompts.basik"
    )
    assert "prompts.n is int, not text" in refused(tmp_path, "p.yaml#prompts.n")
    assert "no '7' at prompts.basic (a list)" in refused(tmp_path, "p.yaml#prompts.basic.7")
    assert "the key after '#' is missing" in refused(tmp_path, "p.yaml#")


@pytest.mark.parametrize("source", ["", " ", "a\nb", "a\0b", "x" * 1001, "git:", "prompts:/p@1"])
def test_what_is_no_source(tmp_path: Path, source: str) -> None:
    assert "templates.basic.v1" in refused(tmp_path, source)


def test_a_template_holds_what_it_includes(tmp_path: Path) -> None:
    """As Jinja does it: names from the template's folder, no last newline, whitespace control."""
    (tmp_path / "prompts" / "parts").mkdir(parents=True)
    (tmp_path / "prompts" / "t.jinja").write_text(
        "A\n{% include 'parts/a.txt' %}\n{{ x }} {%- include \"parts/b.txt\" -%} \n!"
        "{# {% include 'no' %} #}{% raw %}{% include 'no' %}{% endraw %}"
    )
    (tmp_path / "prompts" / "parts" / "a.txt").write_bytes(
        b"a {{ x }}\r\n\r\n{% include 'top.txt' %}"
    )
    (tmp_path / "prompts" / "parts" / "b.txt").write_text(" b\n")
    (tmp_path / "top.txt").write_text("top\n")  # beside the suite
    text = read(tmp_path, "prompts/t.jinja", "jinja")
    assert text == (
        "A\na {{ x }}\n\ntop\n{{ x }} {#- #} b{# -#} \n!"
        "{# {% include 'no' %} #}{% raw %}{% include 'no' %}{% endraw %}"
    )
    assert "{% include 'parts/a.txt' %}" in read(tmp_path, "prompts/t.jinja")  # of no other engine


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x\n{% include 'gone.txt' %}", "t.jinja: line 2: no file 'gone.txt' to include; looked"),
        ("{% include name %}", "takes the name of one file in quotes and nothing else"),
        ("{% include ['a', 'b'] ignore missing %}", "takes the name of one file in quotes"),
        (
            "{% include 'self.txt' %}",
            "self.txt includes other.txt includes self.txt: that has",
        ),
        ("{% include 'twice.txt' %}", "more than 200 files are included"),
        ("{% include '../secret.txt' %}", "leads outside of the project"),
        ("{% include '/etc/hostname' %}", "leads outside of the project"),
    ],
)
def test_includes_that_are_refused(tmp_path: Path, text: str, message: str) -> None:
    base = tmp_path / "suite"
    base.mkdir()
    (tmp_path / "secret.txt").write_text("secret")
    (base / "t.jinja").write_text(text)
    (base / "self.txt").write_text("{% include 'other.txt' %}")
    (base / "other.txt").write_text("{% include 'self.txt' %}")
    (base / "twice.txt").write_text("{% include 'a1.txt' %}{% include 'a1.txt' %}")
    for n in range(1, 9):
        (base / f"a{n}.txt").write_text(f"{{% include 'a{n + 1}.txt' %}}" * 2)
    (base / "a9.txt").write_text("x")
    with pytest.raises(TemplateError) as caught:
        read(base, "t.jinja", "jinja")
    assert message in str(caught.value)
    assert str(caught.value).startswith("templates.basic.v1: ")
