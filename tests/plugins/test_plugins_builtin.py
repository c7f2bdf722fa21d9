"""What promptreg brings itself: it keeps the contracts, and registering it is light."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import promptreg
from promptreg.contracts import check_registered
from promptreg.discovery import load_plugins

HEAVY = {
    "aiohttp",
    "fastapi",
    "httpx",
    "jinja2",
    "mlflow",
    "numpy",
    "pandas",
    "pyarrow",
    "pydantic",
    "ray",
    "rich",
    "scipy",
    "torch",
}


def test_registering_imports_nothing_heavy() -> None:
    code = (
        "import json, sys\n"
        "from promptreg.discovery import load_plugins\n"
        "plugins = load_plugins()\n"
        "print(json.dumps([sorted(sys.modules), [len(c) for c in plugins.catalogs]]))\n"
    )
    made = subprocess.run(
        [sys.executable, "-c", code], env=_environment(), capture_output=True, text=True, check=True
    )
    modules, _ = json.loads(made.stdout)
    assert "promptreg.discovery" in modules
    assert HEAVY & set(modules) == set()


def test_the_public_names_import_nothing_heavy() -> None:
    code = "import json, sys, promptreg; print(json.dumps(sorted(sys.modules)))"
    made = subprocess.run(
        [sys.executable, "-c", code], env=_environment(), capture_output=True, text=True, check=True
    )
    assert HEAVY & set(json.loads(made.stdout)) == set()


def test_built_in_plugins_keep_their_contracts() -> None:
    results = check_registered(load_plugins())
    assert [(r.kind, r.name, r.problems) for r in results if r.problems] == []


def test_no_built_in_plugin_is_broken() -> None:
    assert load_plugins().broken == []


def _environment() -> dict[str, str]:
    """Return an environment in which this very promptreg is found first."""
    here = str(Path(promptreg.__file__).parents[1])
    path = os.pathsep.join([here, *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**os.environ, "PYTHONPATH": path}
