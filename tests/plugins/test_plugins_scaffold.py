"""`promptreg plugins new`: what it writes works as written; nothing is overwritten."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

import promptreg
from promptreg.cli.plugins import app
from promptreg.cli.scaffold import KINDS, Package, plan_package, write_package
from promptreg.discovery import Plugins, load_plugins
from promptreg.errors import UsageError
from promptreg.hookspecs import hookimpl
from promptreg.registry import Catalog


@pytest.fixture
def plugins() -> Plugins:
    class Taken:
        @hookimpl
        def promptreg_register_scorers(self, catalog: Catalog[object]) -> None:
            catalog.add("taken", object)

    return load_plugins([Taken()], entry_points=False)


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_package_passes_its_own_tests(kind: str, tmp_path: Path) -> None:
    folder = tmp_path / "own"
    write_package(Package(kind, "word-count"), folder)
    info = tmp_path / "promptreg_word_count-0.1.0.dist-info"  # what an editable install leaves
    info.mkdir()
    project = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))["project"]
    info.joinpath("METADATA").write_text(f"Name: {project['name']}\nVersion: 0.1.0\n", "utf-8")
    (entry,) = project["entry-points"]["promptreg"].items()
    info.joinpath("entry_points.txt").write_text(f"[promptreg]\n{entry[0]} = {entry[1]}\n", "utf-8")
    made = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error"],
        cwd=folder,
        env=_environment(tmp_path, folder),
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stdout + made.stderr
    assert _listed(kind, "word-count", tmp_path, folder) == "promptreg-word-count 0.1.0"


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_new_package_can_be_installed(kind: str, tmp_path: Path) -> None:
    folder, target = tmp_path / "own", tmp_path / "target"
    write_package(Package(kind, "shouting"), folder)
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation",
         "--no-index", "--disable-pip-version-check", "--target", str(target), str(folder)],
        check=True, capture_output=True,
    )  # fmt: skip
    assert _listed(kind, "shouting", target) == "promptreg-shouting 0.1.0"


def _listed(kind: str, name: str, *folders: Path) -> str:
    """Return the owner of a plug-in, as a fresh process finds it."""
    code = (
        "from promptreg.discovery import load_plugins\n"
        "plugins = load_plugins()\n"
        f"(found,) = [c for c in plugins.catalogs if c.kind == {kind!r}]\n"
        f"print(found.get({name!r}).owner)\n"
    )
    made = subprocess.run(
        [sys.executable, "-c", code],
        env=_environment(*folders), capture_output=True, text=True, check=True,
    )  # fmt: skip
    return made.stdout.strip()


def _environment(*folders: Path) -> dict[str, str]:
    core = Path(promptreg.__file__).parents[1]
    inherited = [str(Path(p).resolve()) for p in os.environ.get("PYTHONPATH", "").split(":") if p]
    path = os.pathsep.join([*map(str, folders), str(core), *inherited])
    # No plug-in of pytest that happens to be installed here: an author's own environment is bare.
    return {**os.environ, "PYTHONPATH": path, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}


def test_the_command_writes_into_a_folder_of_the_packages_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    code: Any = app(args=["new", "scorer", "word_count"], standalone_mode=False)
    assert code == 0
    found = sorted(
        str(p.relative_to(tmp_path)) for p in (tmp_path / "promptreg-word-count").rglob("*.*")
    )
    assert found == [
        "promptreg-word-count/README.md",
        "promptreg-word-count/promptreg_word_count.py",
        "promptreg-word-count/pyproject.toml",
        "promptreg-word-count/tests/test_word_count.py",
    ]
    assert "pip install -e promptreg-word-count" in capsys.readouterr().out


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    package = Package("scorer", "shouting")
    write_package(package, tmp_path / "own")
    (tmp_path / "own" / "promptreg_shouting.py").write_text("mine")
    (tmp_path / "file").write_text("mine")
    for place in ("own", "file"):
        with pytest.raises(UsageError, match="exists and is not an empty folder"):
            write_package(package, tmp_path / place)
    assert (tmp_path / "own" / "promptreg_shouting.py").read_text() == "mine"
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize(
    "name", ["", "Shout", "1st", "a b", "-x", "x-", "a--b", "../x", "a.b", "ünder", "x" * 41, "x\n"]
)
def test_bad_names_are_explained(plugins: Plugins, name: str) -> None:
    with pytest.raises(UsageError, match="is no name for a plug-in; allowed: at most 40"):
        plan_package("scorer", name, plugins)


def test_a_name_that_is_taken_is_refused(plugins: Plugins) -> None:
    with pytest.raises(UsageError, match="Taken already has a scorer called 'taken'"):
        plan_package("scorer", "taken", plugins)
    assert plan_package("reporter", "taken", plugins).module == "promptreg_taken"


def test_a_module_that_is_taken_is_refused(plugins: Plugins) -> None:
    with pytest.raises(UsageError, match="promptreg_scorers is already installed"):
        plan_package("scorer", "scorers", plugins)


def test_an_unknown_kind_is_refused(plugins: Plugins) -> None:
    with pytest.raises(UsageError, match=r"'scorers' \(did you mean 'scorer'\?\); there are: prov"):
        plan_package("scorers", "x", plugins)
