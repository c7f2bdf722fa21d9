"""The jinja engine: what it offers, and that nothing gets out or runs away."""

from __future__ import annotations

import time
from typing import Any

import pytest

from promptreg.errors import TemplateError
from promptreg.records import Scenario, Template
from promptreg.stages.render import check_rendering, compile_template, render

VALUES: dict[str, Any] = {
    "x": "hello",
    "null": None,
    "items": ["a", "b"],
    "detections": [{"type": "person", "score": 0.9}, {"type": "dog", "score": 0.5}],
    "flag": True,
    "n": 3,
    "big": "ab" * 400_000,
}


def shown(text: str, **variables: Any) -> str:
    renderer = compile_template(Template("t", "v1", "jinja", text))
    return render(renderer, Scenario("s1", {**VALUES, **variables})).text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\n", "a\n"),
        ("{{ x|upper }} {{ x.title() }}", "HELLO Hello"),
        ("{% for d in detections %}{{ loop.index }}:{{ d.type }} {% endfor %}", "1:person 2:dog "),
        ("{% for k, v in detections[0].items() %}{{ k }}={{ v }};{% endfor %}",
         "type=person;score=0.9;"),
        ("{{ items }} {{ items|join(', ') }} {{ items|length }}", '["a","b"] a, b 2'),
        ("{{ detections|map(attribute='type')|join('|') }}", "person|dog"),
        ("{{ detections|selectattr('score', 'gt', 0.6)|list|length }}", "1"),
        ("{{ null|default('none') }}{% if null %}x{% endif %}{% if null is none %}y{% endif %}",
         "noney"),
        ("{% if null is defined %}x{% else %}y{% endif %}", "y"),
        ("{% if gone is defined %}x{% else %}y{% endif %}{{ gone|default('z') }}", "yz"),
        ("{% set y = n + 1 %}{{ y * 2 }} {{ y // 3 }} {{ y % 3 }} {{ 2 ** 10 }}", "8 1 1 1024"),
        ("{{ 'a' ~ n ~ flag }}", "a3true"),
        ("{{ x|replace('l', 'L') }} {{ x|tojson }} {{ items|tojson }}", 'heLLo "hello" ["a","b"]'),
        ("{% for i in range(3) %}{{ i }}{% endfor %}", "012"),
        ("{{ [n, x] }} {{ {'a': n} }} {{ (n, 1)|first }}", '[3,"hello"] {"a":3} 3'),
        ("<b>&{{ '<i>' }}", "<b>&<i>"),
        ("{{ x|indent(2) }}{{ 'a\nb'|indent(2, true) }}", "hello  a\n  b"),
        ("{# note #}{% raw %}{{ x }}{% endraw %}", "{{ x }}"),
        ("{{ 1 if flag else 2 }}{{ x[1:3] }}{{ items[-1] }}", "1elb"),
    ],
)  # fmt: skip
def test_what_templates_may_do(text: str, expected: str) -> None:
    assert shown(text) == expected


ESCAPES = [
    "{{ ''.__class__ }}",
    "{{ x.__init__.__globals__ }}",
    "{{ x['__class__'] }}",
    "{{ x|attr('__class__') }}",
    "{{ items|map(attribute='__class__')|list }}",
    "{{ items|sort(attribute='__class__') }}",
    "{{ items|map('attr', '__class__')|list }}",
    "{{ self }}",
    "{{ self._TemplateReference__context }}",
    "{{ range }}",
    "{{ range.__globals__ }}",
    "{{ x.upper }}",
    "{{ x.format(1) }}",
    "{{ '{0.__class__}'.format(x) }}",
    "{{ x.encode('utf-16') }}",
    "{{ lipsum() }}",
    "{{ cycler.__init__ }}",
    "{{ dict(a=1) }}",
    "{{ namespace(a=1) }}",
    "{% for i in items %}{{ loop._iterator }}{% endfor %}",
    "{% for i in items %}{{ loop.__init__ }}{% endfor %}",
    "{% include 'x' %}",
    "{% import 'os' as os %}",
    "{% from 'os' import x %}",
    "{% extends 'x' %}",
    "{% block x %}{% endblock %}",
    "{% macro f() %}{% endmacro %}",
    "{% call x() %}{% endcall %}",
    "{% filter upper %}x{% endfilter %}",
    "{% set a %}x{% endset %}",
    "{% autoescape true %}{% endautoescape %}",
    "{% do x %}",
    "{{ x() }}",
    "{{ items.append(1) }}",
    "{{ items.__getitem__(0) }}",
]


@pytest.mark.parametrize("text", ESCAPES)
def test_nothing_gets_out(text: str) -> None:
    with pytest.raises(TemplateError, match="template t@v1"):
        shown(text)


BOMBS = [
    "{{ 'x' * 300000000 }}",
    "{{ [1] * 300000000 }}",
    "{{ ('x',) * 300000000 }}",
    "{{ 2 ** 64 ** 64 }}",
    "{% set a = 99999999999 %}" + "{% set a = a * a %}" * 40 + "{{ a }}",
    "{% set a = 'xxxxxxxx' %}" + "{% set a = a + a %}" * 60 + "{{ a }}",
    "{% set a = 'xxxxxxxx' %}" + "{% set a = a ~ a %}" * 60 + "{{ a }}",
    "{% set a = [1] %}" + "{% set a = a + a %}" * 60 + "{{ a }}",
    "{% set a = [1] %}" + "{% set a = [a, a] %}" * 60 + "{{ a }}",
    "{% set a = 1 %}" + "{% set a = (a, a) %}" * 60 + "{{ a|length }}",
    "{% set a = 1 %}" + "{% set a = {'a': a, 'b': a} %}" * 60 + "{{ a }}",
    "{% set a = [1] %}{% set b = [1] %}" + "{% set a = [a, a] %}{% set b = [b, b] %}" * 30
    + "{{ a == b }}",
    "{{ '%0999999999d' % 1 }}",
    "{{ 'x'|center(300000000) }}",
    "{{ 'x'|indent(300000000) }}",
    "{{ big|replace('a', big) }}",
    "{{ ['x'] | join(big) }}{{ range(9999)|join(big) }}",
    "{% for i in range(999999999) %}{% endfor %}",
    "{% for i in range(9999) %}{% for j in range(9999) %}{% endfor %}{% endfor %}",
    "{% for i in range(9999) %}{{ big }}{% endfor %}",
    "{% for i in range(9999) %}{% set q = big|upper %}{% endfor %}",
    "{% for i in range(9999) %}{% for j in range(99) %}{% if 'ac' in big %}{% endif %}"
    "{% endfor %}{% endfor %}",
    "{% for i in range(9999) %}{% set q = big|list|sort %}{% endfor %}",
    "{% for i in range(9999) %}{% set q = range(9999)|map('string')|list %}{% endfor %}",
    "{% for i in items recursive %}{{ loop(items) }}{% endfor %}",
    "{{ " + "(" * 10_000,
    "{{ " + "not " * 10_000 + "1 }}",
    "{{ " + "-" * 10_000 + "1 }}",
    "{{ " + "[" * 3_000 + "]" * 3_000 + " }}",
    "{{ 1" + " + 1" * 10_000 + " }}",
    "{{ x" + "|upper" * 10_000 + " }}",
    "{% if x %}" * 1_000 + "{% endif %}" * 1_000,
    "{{ x }}" * 5_000,
]  # fmt: skip


@pytest.mark.parametrize("text", BOMBS, ids=range(len(BOMBS)))
def test_nothing_runs_away(text: str) -> None:
    before = time.process_time()
    with pytest.raises(TemplateError, match="template t@v1"):
        shown(text)
    # Processor time of this process, generously; unbounded, each would take minutes.
    assert time.process_time() - before < 10


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a\nb {{ x", "line 2: unexpected end of template"),
        ("{% for %}", "line 1: "),
        ("{{ x|uper }}", "line 1: No filter named 'uper'"),
        ("a\n{% include 'x' %}", "line 2: {% include %} is not allowed"),
        ("{{ gone }}", "scenario 's1': variable 'gone' is missing"),
        ("{{ null }}", "scenario 's1': variable 'null' is null"),
        ("{{ detections[0].gone }}", "has no attribute 'gone'"),
        ("{{ items[7] }}", "has no element 7"),
        ("{{ 1 / 0 }}", "the template's code failed: division by zero"),
        ("{{ detections|map(attribute='type') }}", "allowed: text, numbers"),
    ],
)
def test_errors_say_where(text: str, message: str) -> None:
    with pytest.raises(TemplateError) as caught:
        shown(text)
    assert message in str(caught.value)
    assert "introspection" not in str(caught.value)


def test_variables_and_problems_are_collected() -> None:
    renderer = compile_template(Template("t", "v1", "jinja", "{% if a %}{{ b }}{% endif %}{{ c }}"))
    assert renderer.variables == {"a", "b", "c"}
    scenarios = [Scenario("s1", {"a": 1, "b": None, "c": "x"}), Scenario("s2", {"a": 0, "c": "x"})]
    problems = check_rendering(renderer, scenarios)
    assert [(p.code, p.scenario, p.variable) for p in problems] == [("null", "s1", "b")]
    gone = check_rendering(renderer, [Scenario("s3", {}), Scenario("s4", {})])
    assert [(p.code, p.scenario, p.variable) for p in gone] == [
        ("missing", "", "a"),
        ("missing", "", "b"),
        ("missing", "", "c"),
    ]


def test_foreign_tokens_are_found_where_pieces_meet() -> None:
    with pytest.raises(TemplateError, match="make up the role token"):
        shown("{{ a }}{{ b }}", a="<|im_", b="end|>")
