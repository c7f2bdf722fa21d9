"""The wheel: its packages and its entry points."""

from __future__ import annotations

import configparser
import subprocess
import sys
import tomllib
import zipfile
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
PACKAGES = {
    *("promptreg", "promptreg_providers", "promptreg_scorers", "promptreg_plugins"),
    "pytest_promptreg",
}


def test_every_entry_point_leads_to_a_module() -> None:
    points = PROJECT["entry-points"]
    assert points["pytest11"] == {"promptreg": "pytest_promptreg.plugin"}
    for group in points.values():
        for target in group.values():
            import_module(target)


@pytest.mark.slow
def test_the_wheel_holds_the_packages_and_names_the_entry_points(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (points,) = [n for n in names if n.endswith(".dist-info/entry_points.txt")]
        told = configparser.ConfigParser()
        told.read_string(archive.read(points).decode())
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == PACKAGES
    assert dict(told["pytest11"]) == PROJECT["entry-points"]["pytest11"]
    assert dict(told["promptreg"]) == PROJECT["entry-points"]["promptreg"]
    assert {f"{package}/py.typed" for package in PACKAGES} <= set(names)
