"""`promptreg init`: a small working suite, offline, with a pre-commit hook and a CI workflow."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from promptreg.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.resources.abc import Traversable

__all__ = ["init"]

_PLACES = {
    "pre-commit-config.yaml": ".pre-commit-config.yaml",
    "github-workflow.yaml": ".github/workflows/promptreg.yml",
    "gitignore": ".gitignore",
}
"""Files whose names in the package differ from where they belong; others keep theirs."""


def init(
    directory: Annotated[str, typer.Argument(metavar="[DIR]", help="Where; made if needed.")] = ".",
    force: Annotated[bool, typer.Option("--force", help="Replace files that exist.")] = False,
) -> int:
    """Write a small suite that works at once, without a model.

    It compares two versions of one template on completions that a real model gave, and brings a
    pre-commit hook and a CI workflow.
    """
    root = Path(directory)
    starter = files("promptreg.cli") / "starter"
    targets = [(root / _PLACES.get(name, name), source) for name, source in _walk(starter, "")]
    standing = [str(path) for path, _ in targets if path.exists()]
    if standing and not force:
        raise UsageError(
            f"{', '.join(standing[:4])}{' ...' if len(standing) > 4 else ''} "
            f"{'exists' if len(standing) == 1 else 'exist'} already; nothing was written. "
            "Choose another folder, or --force to replace"
        )
    for path, source in targets:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(source.read_bytes())
        print(f"wrote {path}")
    where = "" if root == Path() else f"cd {root} && "
    print(f"\nNext:  {where}promptreg validate && promptreg compare v1 v2")
    return 0


def _walk(folder: Traversable, prefix: str) -> Iterator[tuple[str, Traversable]]:
    for item in sorted(folder.iterdir(), key=lambda t: t.name):
        name = f"{prefix}{item.name}"
        if item.is_dir():
            if item.name != "__pycache__":
                yield from _walk(item, f"{name}/")
        else:
            yield name, item
