"""A history of files, installed as a stranger's plug-in: the one that the scaffold writes."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any, Self

from command_line import Finished, Promptreg
from fake_distributions import FakeSite
from promptreg.cli.app import run
from promptreg.cli.scaffold import plan_package, write_package
from promptreg.discovery import load_plugins
from promptreg.pipeline import conclude as _conclude
from promptreg.pipeline import facts as _facts
from promptreg.pipeline.templates import who as _who

_MODULES: tuple[Any, ...] = (_conclude, _facts, _who)
_ROOT = Path(__file__).resolve().parents[1]


def files_history(folder: Path) -> str:
    """Install a history called `files` below a folder, and return where it is installed."""
    package = plan_package("history", "files", load_plugins())
    write_package(package, folder / "package")
    site = folder / "site"
    site.mkdir()
    source = (folder / "package" / f"{package.module}.py").read_text("utf-8")
    FakeSite(site).add("promptreg-files", {"files": package.module}, {package.module: source})
    return str(site)


def python_path(site: str) -> str:
    """Return PYTHONPATH for commands that are to find what is installed at a site."""
    own = [str(_ROOT / part) for part in ("core", "providers", "scorers", "plugins")]
    return os.pathsep.join([*own, site])


class _Clock(datetime):
    """Goes on by a minute whenever it is asked: commands of a test share no second."""

    asked = 0

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        _Clock.asked += 1
        return cls(2026, 10, 1, tzinfo=tz) + timedelta(minutes=_Clock.asked)


@dataclass(frozen=True)
class Here:
    """The command in the folder of a suite, run in this process: much quicker than `Promptreg`.

    Attributes:
        folder: where it runs.
        site: a folder of installed plug-ins.
    """

    folder: Path
    site: str

    def __call__(self, *args: str) -> Finished:
        """Run to the end."""
        out, err, before = io.StringIO(), io.StringIO(), Path.cwd()
        held = {k: v for k, v in os.environ.items() if k.startswith(("PROMPTREG_", "MLFLOW_"))}
        for name in held:
            del os.environ[name]
        clocks = {module: module.datetime for module in _MODULES}
        sys.path.append(self.site)
        os.chdir(self.folder)
        os.environ["COLUMNS"] = "160"
        for module in clocks:
            module.datetime = _Clock
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                code = run(list(args))
        finally:
            for module, real in clocks.items():
                module.datetime = real
            os.chdir(before)
            del os.environ["COLUMNS"]
            sys.path.remove(self.site)
            os.environ.update(held)
        assert "internal error" not in err.getvalue(), err.getvalue()
        return Finished(code, out.getvalue(), err.getvalue())


def with_mlflow(folder: Path, **more: str) -> Promptreg:
    """Return the command as somebody has it whose environment says nothing of MLflow."""
    clear = dict.fromkeys(("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI"), "")
    return Promptreg(folder, clear | more)
