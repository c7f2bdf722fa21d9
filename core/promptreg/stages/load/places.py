"""Which files a suite may name: those of its own project."""

from __future__ import annotations

from pathlib import Path

from promptreg.errors import TemplateError, UsageError

__all__ = ["Places", "project_root"]


def project_root(base: Path) -> Path:
    """Return the top of the git work tree around a folder, or the folder itself; both real."""
    real = base.resolve()
    for folder in (real, *real.parents):
        if (folder / ".git").exists():
            return folder
    return real


class Places:
    """Turns names in a suite into paths inside the project.

    Args:
        base: the folder names are relative to.
        error: what to raise.
    """

    def __init__(self, base: Path, error: type[UsageError] = TemplateError) -> None:
        self.base = base
        self.root = project_root(base)
        self._error = error

    def inside(self, path: Path, where: str) -> Path:
        """Return `base / path`.

        Raises:
            UsageError: of the type given: it leads outside of the project, by `..`, as an
                absolute path, or through a symbolic link.
        """
        joined = self.base / path
        try:
            real = joined.resolve()
        except (OSError, RuntimeError, ValueError) as e:
            raise self._error(f"{where}: {path}: cannot be resolved: {e}") from e
        if not real.is_relative_to(self.root):
            raise self._error(
                f"{where}: {path} leads outside of the project ({self.root}); "
                "allowed: files inside it"
            )
        return joined
