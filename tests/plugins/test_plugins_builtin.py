"""What promptreg brings itself: it keeps the contracts, and registering it is light."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import promptreg
import promptreg_plugins
import promptreg_providers
import promptreg_scorers
from promptreg.contracts import check_provider, check_registered, sample_trials
from promptreg.contracts.provider import OFFLINE_STEPS
from promptreg.discovery import Plugins, load_plugins

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
NOBODY = "http://127.0.0.1:9"
"""The discard port: every call is refused, and that is a proper answer of a provider."""
SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "provider:detector": {"engine": "http", "url": NOBODY},
    "scorer:judge": {"provider": {"use": "scripted"}},
    "scorer:preference": {"provider": {"use": "scripted"}},
    "provider:llama_cpp": {"url": NOBODY},
    "provider:openai_chat": {"url": f"{NOBODY}/v1", "model": "m"},
    "provider:nvidia": {"model": "m"},
    "provider:recorded": {"path": "recorded.jsonl"},
    "history:mlflow": {"folder": "remembered"},
    "scorer:answer_schema": {"require": ["summary"]},
    "scorer:contains": {"value": {"ground_truth": "label"}},
    "scorer:exact": {"value": {"ground_truth": "label"}, "field": "risk_level"},
    "scorer:mentions_context": {"columns": ["detections"]},
    "scorer:regex": {"value": "a+b"},
    "scorer:recorded": {"name": "measured"},
    "scorer:threshold": {"field": "risk_score", "at_least": 30, "where": {"label": "benign"}},
}
"""Settings for those that cannot be made without; a new one of these has to be added here."""
FAR = ("provider:nvidia", "provider:detector")
"""Those that would call a host on the internet, and what answers nothing without an image."""
NEEDS = {"provider:detector": "PIL"}
"""Modules of extras without which one cannot be made."""


def _plugins() -> Plugins:
    return load_plugins(
        [promptreg_providers, promptreg_scorers, promptreg_plugins], entry_points=False
    )


def _names() -> list[str]:
    return [
        f"{c.kind}:{entry.name}"
        for c in _plugins().catalogs
        for entry in c
        # These need models; tests/embedding and tests/generate hold them to theirs.
        if c.kind != "embedder" and entry.name not in ("data_designer", "images")
    ]


@pytest.mark.parametrize("name", _names())
def test_a_built_in_plugin_keeps_its_contract(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name in NEEDS:
        pytest.importorskip(NEEDS[name])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NVIDIA_API_KEY", "planted-secret-7f3a9c")
    row = {"scenario_id": sample_trials()[0].scenario.id, "version": "v2", "text": "{}"}
    Path("recorded.jsonl").write_text(json.dumps(row) + "\n", "utf-8")
    settings = SETTINGS.get(name, {})
    if name in FAR:
        provider = _plugins().providers.create(name.partition(":")[2], settings)
        assert check_provider(provider, steps=OFFLINE_STEPS) == []
    else:
        (result,) = check_registered(_plugins(), [name], settings)
        assert (result.status, result.problems) == ("ok", ())
        assert result.kind == "history" or not result.note  # those are not written to


def test_no_built_in_plugin_is_broken_and_each_says_what_it_does() -> None:
    plugins = _plugins()
    assert plugins.broken == []
    silent = [e.name for c in plugins.catalogs for e in c if not e.summary.endswith((".", ":"))]
    assert silent == []


def test_registering_imports_nothing_heavy() -> None:
    modules = _modules_after(
        "import promptreg_plugins, promptreg_providers, promptreg_scorers\n"
        "from promptreg.discovery import load_plugins\n"
        "load_plugins([promptreg_plugins, promptreg_providers, promptreg_scorers],"
        " entry_points=False)\n"
        "load_plugins()\n"
    )
    assert "promptreg.discovery" in modules
    assert HEAVY & modules == set()


def test_the_public_names_import_nothing_heavy() -> None:
    assert HEAVY & _modules_after("import promptreg") == set()


def _modules_after(code: str) -> set[str]:
    """Return what a fresh process has imported after running the code."""
    here = [str(Path(str(m.__file__)).parents[1]) for m in (promptreg, promptreg_providers,
            promptreg_scorers, promptreg_plugins)]  # fmt: skip
    made = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(here)},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(json.loads(made.stdout))
