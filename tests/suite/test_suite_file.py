"""The suite file: what is allowed, and what is said of what is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from promptreg.errors import SuiteError
from promptreg.suite import find_suite, load_suite, parse_suite

GOOD = """
suite: home_security
scenarios: scenarios.jsonl
cluster: family
templates:
  basic: {engine: format, versions: {v1: a.txt, v2: b.txt}}
select: {basic: {tier: [basic, enriched]}}
provider: {use: llama_cpp, url: "http://127.0.0.1:8091", timeout: 30, sampling: {seed: 7}}
answer: {parser: json, require: [risk_score]}
scorers: [{use: risk_range}, {use: threshold, name: alarm, at_least: 30}]
gate:
  alpha: 0.05
  guard: [{metric: in_range, where: {kind: threat}}]
  limits: {answered: {at_least: 0.98}}
"""


def complaint(text: str, *, toml: bool = False) -> str:
    with pytest.raises(SuiteError) as caught:
        parse_suite(text, "promptreg.yaml", toml=toml)
    return str(caught.value)


def test_defaults_are_the_documented_ones() -> None:
    suite = parse_suite(GOOD, "promptreg.yaml")
    provider = suite.provider
    assert (provider.retries, provider.timeout.connect, provider.timeout.read) == (3, 10.0, 30.0)
    assert provider.settings == {"url": "http://127.0.0.1:8091", "sampling": {"seed": 7}}
    assert (suite.gate.prove, suite.gate.draws, suite.repeats) == (("overall",), 9999, 1)
    assert suite.scorers[1].settings == {"name": "alarm", "at_least": 30}


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("scorers:", "scorer:", "scorer: unknown key (did you mean 'scorers'?); allowed: "),
        ("alpha:", "alhpa:", "gate.alhpa: unknown key (did you mean 'alpha'?)"),
        ("alpha: 0.05", "alpha: 0.9", "gate.alpha: Input should be less than 0.5 (found 0.9)"),
        ("engine: format", "engine: mustache", "templates.basic.engine: Input should be 'format'"),
        ("at_least: 0.98", "at_least: 0.98, at_most: 1", "needs exactly one of 'at_least'"),
        ("{tier:", "{}\n  basics: {tier:", "select"),
        ("use: llama_cpp, ", "", "provider.use: is required"),
        ("v1: a.txt", "v/1: a.txt", "must be 1-64 letters, digits"),
        ("timeout: 30", "timeout: 0", "provider.timeout.read: Input should be greater than 0"),
        ("cluster: family", "repeats: 0", "repeats: Input should be greater than or equal to 1"),
        ("suite: home_security", "suite: home_security\nsuite: b", "appears twice (line 3)"),
        ("cluster: family", "cluster: &a family\nstore: *a", "aliases (*name) are not allowed"),
        ("alpha: 0.05", "margins: {a: yes}", "gate.margins: true and false are no numbers"),
        ("cluster: family", "repeats: true", "repeats: true and false are no numbers"),
        ("alpha: 0.05", "margins: {a: .inf}", "gate.margins.a: must be a finite number"),
        ("timeout: 30", "requests_per_minute: yes", "per_minute: true and false are no numbers"),
        ("timeout: 30", "timeout: .inf", "provider.timeout.read: must be a finite number"),
        ("timeout: 30", "prices: {prompt: -1}", "provider.prices.prompt: Input should be greater"),
        ("cluster: family", 'store: "\\ud83d"', "half of a surrogate pair (line 4)"),
        ("versions:", "providers: [1], versions:", "templates.basic.providers: must be a mapping"),
        ("provider: {", "provider: a\nproviders: {1: {use: b}}\nx: {", "provider 'a' is none of"),
        ("cluster: family", "cluster: !!python/object/apply:os.getcwd []", "no valid YAML"),
    ],
)
def test_a_mistake_is_told_with_file_field_value_and_what_is_allowed(
    old: str, new: str, words: str
) -> None:
    text = GOOD.replace(old, new, 1)
    assert text != GOOD
    said = complaint(text)
    assert said.startswith("promptreg.yaml: ")
    assert words in said


def test_unknown_template_in_select() -> None:
    said = complaint(GOOD.replace("select: {basic:", "select: {basics:"))
    assert "select names the template 'basics' (did you mean 'basic'?); there are: basic" in said


@pytest.mark.parametrize("text", ["", "[]", "just words", "a: [", "\tx: 1", "suite: 1"])
def test_what_is_no_suite_is_refused(text: str) -> None:
    assert complaint(text).startswith("promptreg.yaml: ")


def test_deep_nesting_is_refused() -> None:
    assert "promptreg.yaml" in complaint("a: " + "[" * 5000)


def test_toml_in_pyproject(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[tool.promptreg]\nsuite = "t"\nscenarios = "s.csv"\n'
        '[tool.promptreg.templates.basic.versions]\nv1 = "a.txt"\n'
        '[tool.promptreg.provider]\nuse = "recorded"\npath = "c.csv"\n'
    )
    inner = tmp_path / "deep" / "er"
    inner.mkdir(parents=True)
    path = find_suite(None, inner)
    assert path == tmp_path / "pyproject.toml"
    assert load_suite(path).suite == "t"
    assert "no valid TOML" in complaint("a = [", toml=True)


def test_no_suite_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match="promptreg init"):
        find_suite(None, tmp_path)
    with pytest.raises(SuiteError, match="no suite file at"):
        find_suite(str(tmp_path / "other.yaml"))


def test_environment_variables_stand_in_urls_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOST_URL", "http://127.0.0.1:1")
    text = GOOD.replace("http://127.0.0.1:8091", "${HOST_URL}").replace("a.txt", '"${HOST_URL}"')
    suite = parse_suite(text, "x")
    assert suite.provider.settings["url"] == "http://127.0.0.1:1"
    assert suite.templates["basic"].versions["v1"] == "${HOST_URL}"
    default = GOOD.replace("http://127.0.0.1:8091", "${NOT_SET_HERE:-http://b}")
    assert parse_suite(default, "x").provider.settings["url"] == "http://b"
    secret = GOOD.replace("8091", "8091/${SOME_API_KEY:-x}")
    assert "uses ${SOME_API_KEY}, by its name a secret" in complaint(secret)
    unset = GOOD.replace("http://127.0.0.1:8091", "${NOT_SET_HERE}")
    assert "provider.url uses ${NOT_SET_HERE}, which is not set" in complaint(unset)


def test_signs_beyond_the_basic_plane_are_taken_as_json_spells_them() -> None:
    suite = parse_suite(GOOD.replace("cluster: family", 'store: "\\ud83d\\ude00"'), "x")
    assert suite.store == "\U0001f600"


def test_a_huge_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "promptreg.yaml"
    path.write_text("#" * 300_000)
    with pytest.raises(SuiteError, match="larger than"):
        load_suite(path)
    path.write_bytes(b"\xff\xfe\x00bad")
    with pytest.raises(SuiteError, match="cannot be read"):
        load_suite(path)
