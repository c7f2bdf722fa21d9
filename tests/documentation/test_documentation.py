"""What README, --help and the starter say is true."""

from __future__ import annotations

import re
import subprocess
import sys
import types
from pathlib import Path

import pytest
import typer

from promptreg import hookspecs
from promptreg.cli.added import add_commands
from promptreg.cli.app import app
from promptreg.discovery import load_plugins
from promptreg.errors import ExitCode
from promptreg.suite import parse_suite

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
HEAVY = {
    *("aiohttp", "httpx", "jinja2", "mlflow", "numpy", "pandas", "pyarrow", "pydantic"),
    *("rich", "scipy", "torch", "fastapi", "ray", "yaml", "sqlite3", "re2"),
}


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def commands() -> dict[str, set[str]]:
    """Return each command (`plugins list` too) with its options."""
    found: dict[str, set[str]] = {}

    def walk(command: object, name: str) -> None:
        children = getattr(command, "commands", None)
        if children:
            if command.invoke_without_command:  # type: ignore[attr-defined]
                found[name] = {o for p in command.params for o in p.opts}  # type: ignore[attr-defined]
            for child, inner in children.items():
                walk(inner, f"{name} {child}".strip())
            return
        options = {o for p in command.params for o in p.opts}  # type: ignore[attr-defined]
        found[name] = options

    walk(typer.main.get_command(add_commands(app, load_plugins())), "")
    return found


def test_every_command_that_documents_name_exists() -> None:
    known = commands()
    words = {name.split()[0] for name in known}
    for path in (ROOT / "README.md", *ROOT.glob("examples/**/README.md")):
        for found in re.findall(r"promptreg ([a-z]+)\b", path.read_text("utf-8")):
            if f"`promptreg {found}" in path.read_text("utf-8"):
                assert found in words, f"{path}: promptreg {found}"


def test_every_command_is_in_the_readme() -> None:
    for name in commands():
        assert f"`promptreg {name.split()[0]}" in README, name


def options_of_the_pytest_plug_in() -> set[str]:
    source = (ROOT / "plugins" / "pytest_promptreg" / "options.py").read_text("utf-8")
    return set(re.findall(r'"(--promptreg-[a-z]+)"', source))


def test_options_in_the_readme_exist() -> None:
    known = set().union(*commands().values()) | {"--help", "--version", "--base-ref"}
    known |= options_of_the_pytest_plug_in()
    code = re.findall(r"`([^`]*)`", README) + re.findall(r"^ {4}(.*)$", README, re.MULTILINE)
    for text in code:
        if "promptreg" in text or text.startswith("-"):
            for option in re.findall(r"(?<!\S)(--[a-z-]+)", text.split("#")[0]):
                assert option in known, option


def test_the_suite_in_the_readme_is_a_valid_suite() -> None:
    (text,) = [b for b in blocks("yaml") if "suite:" in b]
    suite = parse_suite(text, "README.md")
    plugins = load_plugins()
    for entry in suite.scorers:
        plugins.scorers.create(entry.use, entry.settings)
    plugins.providers.create(suite.provider.use, suite.provider.settings)


def test_the_plug_in_in_the_readme_is_one() -> None:
    (text,) = [b for b in blocks("python") if "hookimpl" in b]
    module = types.ModuleType("promptreg_shout")
    exec(text, module.__dict__)
    plugins = load_plugins([module])
    from promptreg.contracts import check_scorer

    assert check_scorer(plugins.scorers.create("shout", {})) == []


@pytest.mark.parametrize("kind", ["providers", "scorers", "reporters", "generators", "histories"])
def test_every_built_in_is_in_the_readme(kind: str) -> None:
    for entry in getattr(load_plugins(), kind):
        assert f"`{entry.name}`" in README, entry.name


def test_every_hook_is_in_the_readme() -> None:
    for name in dir(hookspecs):
        if name.startswith("promptreg_"):
            assert name in README, name


def test_every_exit_code_is_in_the_readme() -> None:
    table = README.split("| exit code |")[1].split("\n\n")[0]
    for code in ExitCode:
        assert re.search(rf"\b{int(code)}\b", table), code


def test_no_placeholder_is_left() -> None:
    for path in ROOT.glob("**/*.md"):
        if ".venv" not in path.parts:
            assert "@@" not in path.read_text("utf-8"), path


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def modules_after(*arguments: str) -> set[str]:
    code = (
        "import sys\n"
        "from promptreg.cli.app import run\n"
        f"code = run({list(arguments)!r})\n"
        "print('MODULES', *sorted({m.split('.')[0] for m in sys.modules}))\n"
        "sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return set(done.stdout.rsplit("MODULES", 1)[1].split())


def test_help_imports_nothing_heavy_and_says_where_to_start() -> None:
    assert not modules_after("--help") & HEAVY
    shown = subprocess.run(
        [sys.executable, "-m", "promptreg", "--help"], capture_output=True, text=True, check=True
    ).stdout
    for word in ("init", "compare v1 v2", "Exit codes", "gate"):
        assert word in shown


def test_every_command_has_help_that_fits_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from promptreg.cli.app import run

    monkeypatch.setenv("COLUMNS", "80")
    for name in commands():
        assert run([*name.split(), "--help"]) == 0, name
        shown = capsys.readouterr().out
        usage, _, text = shown.partition("\n")
        assert usage.startswith(f"Usage: promptreg {name} [OPTIONS]"), name
        assert not re.search(r"\[\[|\.\.\.[}\]]", usage), "the library adds brackets and dots"
        assert text.strip()
        if "--config" in text:  # what opens a suite needs the variables that it names
            assert "--env-file" in text, name
        assert max(map(len, shown.splitlines())) <= 80, name


def test_the_policy_in_the_readme_is_a_valid_policy() -> None:
    import yaml

    from promptreg.suite import GateEntry, resolve

    (text,) = [b for b in blocks("yaml") if b.startswith("gate:")]

    entry = GateEntry.model_validate(yaml.safe_load(text)["gate"])
    assert resolve(entry, "README.md").dropped == ("context_usage", "iou")


def test_the_generation_in_the_readme_can_be_made(tmp_path: Path) -> None:
    from promptreg.pipeline.generate import open_generation

    by_rules, written, seen = [b for b in blocks("yaml") if b.startswith("generate:")]
    (tmp_path / "promptreg.yaml").write_text(by_rules, "utf-8")
    opened = open_generation(str(tmp_path), plugins=load_plugins())
    assert len(opened.generator.plan(opened.request()).slots) == 1600
    (tmp_path / "promptreg.yaml").write_text(written, "utf-8")
    opened = open_generation(str(tmp_path), plugins=load_plugins())
    plan = opened.generator.plan(opened.request())
    assert plan.calls == 6 * len(plan.slots)  # five columns that are told to a model, and one own
    (tmp_path / "pictures" / "threat").mkdir(parents=True)
    (tmp_path / "pictures" / "threat" / "42.jpg").write_bytes(b"never opened here")
    (tmp_path / "question.txt").write_text("What is it?", "utf-8")
    (tmp_path / "looked_at.jsonl").write_text('{"scenario_id": "threat-42"}', "utf-8")
    (tmp_path / "promptreg.yaml").write_text(seen, "utf-8")
    opened = open_generation(str(tmp_path), plugins=load_plugins())
    plan = opened.generator.plan(opened.request())
    assert list(plan.slots) == ["threat-42"]
    assert plan.table == "multimodal_ground_truth.parquet"


def test_the_two_providers_in_the_readme_are_a_suite() -> None:
    import yaml

    (text,) = [b for b in blocks("yaml") if b.startswith("providers:")]
    whole = "suite: two\nscenarios: s.jsonl\n" + text
    suite = parse_suite(whole, "README.md")
    assert suite.provider.use == yaml.safe_load(text)["providers"]["small"]["use"]
    assert [suite.asked("basic", label) for label in ("small", "large")] == ["small", "large"]
