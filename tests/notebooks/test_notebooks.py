"""The notebooks run in fresh kernels and say what is committed; what is committed is clean."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
NAMES = sorted(p.name for p in (EXAMPLES / "notebooks").glob("*.ipynb"))
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_TAG = re.compile(r"<style.*?</style>|<[^>]*>", re.S)


def book(name: str) -> Any:
    return json.loads((EXAMPLES / "notebooks" / name).read_text("utf-8"))


def joined(value: str | list[str]) -> str:
    return value if isinstance(value, str) else "".join(value)


def said(notebook: Any) -> list[str]:
    """Return what each code cell shows, as text; of pictures, only that there is one."""
    found = []
    for cell in notebook["cells"]:
        if cell["cell_type"] != "code":
            continue
        texts = []
        for output in cell["outputs"]:
            assert output["output_type"] != "error"
            data = output.get("data", {"text/plain": output.get("text", "")})
            if "image/svg+xml" in data:
                texts.append("picture")
            else:
                texts.append(_TAG.sub(" ", joined(data.get("text/html", data["text/plain"]))))
        found.append(" ".join(" ".join(texts).split()))
    return found


@pytest.mark.parametrize("name", NAMES)
def test_what_is_committed_is_whole_and_clean(name: str) -> None:
    notebook = book(name)
    text = json.dumps(notebook)
    assert not re.search(r"/(tmp|home|root|work|Users|usr)/", text)
    assert not re.search(r"\d{4}-\d{2}-\d{2}T\d{2}", text)
    assert all(cell["metadata"] == {} for cell in notebook["cells"])
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    assert all(cell["outputs"] for cell in code)
    assert "stderr" not in {o.get("name") for cell in code for o in cell["outputs"]}
    assert '"picture"' in json.dumps(said(notebook))


def test_the_text_of_the_analysis_fits_its_figures() -> None:
    shown = " ".join(said(book("02_evaluation_analysis.ipynb")))
    for figure in ("FAIL", "-26.5pp", "+19.7pp", "edge_case 28 0.964 0.321", "unparseable 0 2"):
        assert figure in shown


@pytest.mark.heavy
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the kernel's own libraries
@pytest.mark.parametrize("name", NAMES)
def test_a_fresh_run_says_what_is_committed(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("nbclient")
    ignored = shutil.ignore_patterns(".promptreg", "made", "out")
    for folder in ("home_security", "notebooks"):
        shutil.copytree(EXAMPLES / folder, tmp_path / folder, ignore=ignored)
    for variable in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR"):
        monkeypatch.setenv(variable, str(tmp_path / variable))
    monkeypatch.setitem(os.environ, "PYTHONWARNINGS", "ignore")
    spec = importlib.util.spec_from_file_location("refresh", EXAMPLES / "notebooks" / "refresh.py")
    assert spec is not None
    assert spec.loader is not None
    refresh = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(refresh)
    fresh = said(refresh.executed(tmp_path / "notebooks" / name))
    kept = said(book(name))
    assert len(fresh) == len(kept)
    for new, old in zip(fresh, kept, strict=True):
        # Words must be the same; of figures, a last digit may hang on the processor.
        assert _NUMBER.sub("#", new) == _NUMBER.sub("#", old)
        for a, b in zip(_NUMBER.findall(new), _NUMBER.findall(old), strict=True):
            assert float(a) == pytest.approx(float(b), rel=2e-3, abs=2e-3)
