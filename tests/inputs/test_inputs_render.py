"""The format and raw engines, role tokens, and what is said before any call."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptreg.errors import TemplateError
from promptreg.records import Prompt, Scenario, Template
from promptreg.stages.render import (
    RenderError,
    check_rendering,
    compile_template,
    render,
    with_variables,
)


def template(text: str, engine: str = "format") -> Template:
    return Template("basic", "v1", engine, text)


def shown(text: str, engine: str = "format", /, **variables: Any) -> str:
    return render(compile_template(template(text, engine)), Scenario("s1", variables)).text


def test_names_and_braces() -> None:
    renderer = compile_template(template("{{a}} {b}{c}{b}}}{{"))
    assert renderer.variables == {"b", "c"}
    assert renderer.render({"b": 1, "c": "x"}) == "{a} 1x1}{"
    assert with_variables(template("{b}{a}"), compile_template(template("{b}{a}"))).variables == (
        "a",
        "b",
    )


@given(st.text(alphabet="ab{}\n ", max_size=30), st.text(max_size=5), st.text(max_size=5))
def test_it_is_what_str_format_does(text: str, a: str, b: str) -> None:
    try:
        renderer = compile_template(template(text))
    except TemplateError:
        return  # stricter than str.format: positions, blanks
    values = dict.fromkeys(renderer.variables, a) | {"b": b}
    assert renderer.render(values) == text.format(**values)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{d.__init__.__globals__}", "line 1, column 1: found an attribute in '{d.__init__"),
        ("a\nb {d[0]}", "line 2, column 3: found an index in '{d[0]}'"),
        ("{d!r}", "found a conversion in '{d!r}'"),
        ("{d:>999999999}", "found a format spec in '{d:>999999999}'"),
        ("{d:{w}}", "found a single '{'"),
        ("{}", "found the position '{}'"),
        ("{0}", "found the position '{0}'"),
        ("{ d }", "found blanks in '{ d }'"),
        ('{"risk_score": 1}', "which looks like JSON: its braces must be doubled"),
        ("{a-b}", "'{a-b}', which is no name"),
        ("x }", "line 1, column 3: found a single '}'"),
        ("x {", "line 1, column 3: found a single '{'"),
        ("{{{", "line 1, column 3: found a single '{'"),
        ("{a\n}", "found a single '{'"),
    ],
)
def test_anything_but_plain_names_is_refused(text: str, message: str) -> None:
    with pytest.raises(TemplateError) as caught:
        compile_template(template(text))
    assert "template basic@v1" in str(caught.value)
    assert message in str(caught.value)
    assert "allowed: {name} for a variable, {{ and }} for braces" in str(caught.value)


def test_raw_is_as_it_is() -> None:
    assert shown("{a} {{b}} {% c", "raw") == "{a} {{b}} {% c"


@pytest.mark.parametrize("engine", ["format", "jinja"])
@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a {b} {{c}}", "a {b} {{c}}"),
        (3, "3"),
        (0.5, "0.5"),
        (True, "true"),
        (False, "false"),
        (["a", {"b": None}], '["a",{"b":null}]'),
        ({"ä": 1}, '{"ä":1}'),
        ("", ""),
    ],
)
def test_values_become_text_alike(engine: str, value: Any, text: str) -> None:
    assert shown("{x}" if engine == "format" else "{{ x }}", engine, x=value) == text


def test_missing_and_null_are_errors_before_any_call() -> None:
    renderer = compile_template(template("{camera} {zone} {zone}"))
    with pytest.raises(RenderError) as caught:
        render(renderer, Scenario("s1", {"camra": 1, "zone": None}))
    assert "scenario 's1': variable 'camera' is missing: no column is called so" in str(
        caught.value
    )
    assert "(did you mean 'camra'?)" in str(caught.value)
    assert "scenario 's1': variable 'zone' is null" in str(caught.value)
    scenarios = [Scenario(f"s{i}", {"zone": None if i else "z"}) for i in range(3)]
    problems = check_rendering(renderer, scenarios)
    assert [(p.code, p.scenario, p.variable) for p in problems] == [
        ("missing", "", "camera"),
        ("null", "s1", "zone"),
        ("null", "s2", "zone"),
    ]


def test_the_clock_is_frozen() -> None:
    for text, engine in (("at {now}.", "format"), ("at {{ now }}.", "jinja")):
        frozen = compile_template(template(text, engine), clock="2026-01-21T10:00")
        assert not frozen.variables
        assert render(frozen, Scenario("s", {"now": "never"})).text == "at 2026-01-21T10:00."
        free = compile_template(template(text, engine))
        with pytest.raises(RenderError, match="'now' needs 'clock' in the suite"):
            render(free, Scenario("s", {}))


@pytest.mark.parametrize(
    "token", ["<|im_start|>", "<|im_end|>", "<|endoftext|>", "<s>", "</s>", "[INST]",
              "<|start_header_id|>", "<|eot_id|>", "<start_of_turn>"],
)  # fmt: skip
@pytest.mark.parametrize("engine", ["format", "jinja"])
def test_values_smuggle_no_role_token(token: str, engine: str) -> None:
    text = "<|im_start|>user\n{note}<|im_end|>"
    text = text if engine == "format" else text.replace("{note}", "{{ note }}")
    renderer = compile_template(template(text, engine))
    for note in (f"hello {token}\nsystem", ["a", {token: 1}], [[f"x{token}"]]):
        bad = Scenario("s7", {"note": note}, images=("i.png",))
        with pytest.raises(RenderError) as caught:
            render(renderer, bad)
        assert f"scenario 's7': variable 'note' holds the role token {token}" in str(caught.value)
    allowed = render(
        renderer, Scenario("s", {"note": token}, images=("i.png",)), allow_role_tokens=True
    )
    assert allowed == Prompt(f"<|im_start|>user\n{token}<|im_end|>", ("i.png",))
    assert render(renderer, Scenario("s", {"note": "a < b [INS] <|"})).text.endswith("<|<|im_end|>")


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("{a}{b}", {"a": "<|im_", "b": "end|>"}),
        ("{a}|{b}", {"a": "<", "b": "im_end|>"}),
        ("<|{a}|>", {"a": "im_end"}),
        ("{a}im_end|>", {"a": "<|"}),
        ("[{a}", {"a": "INST]"}),
    ],
)
def test_pieces_that_make_up_a_token(text: str, values: dict[str, str]) -> None:
    with pytest.raises(RenderError, match="make up a role token"):
        render(compile_template(template(text)), Scenario("s", values))
    assert shown(text, a="x", b="y")


def test_prompts_have_a_length() -> None:
    with pytest.raises(RenderError, match="characters or more; allowed: 1,000,000"):
        shown("{a}{a}", a="x" * 600_000)
    with pytest.raises(RenderError, match="is longer than 1,000,000 characters as JSON"):
        shown("{a}", a=["x" * 600_000] * 2)


def test_unknown_engine() -> None:
    with pytest.raises(TemplateError, match="no engine is called 'mako'; there are: format, jinja"):
        compile_template(template("x", "mako"))
