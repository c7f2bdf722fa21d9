"""A history of files, installed as a stranger's plug-in: the one that the scaffold writes."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from command_line import Finished, Promptreg
from fake_distributions import FakeSite
from promptreg.cli.app import run
from promptreg.cli.scaffold import plan_package, write_package
from promptreg.discovery import load_plugins

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
        sys.path.append(self.site)
        os.chdir(self.folder)
        os.environ["COLUMNS"] = "160"
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                code = run(list(args))
        finally:
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
