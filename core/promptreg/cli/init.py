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

    from promptreg.cli.ci import CiFile, Forge

__all__ = ["init"]

_PLACES = {"gitignore": ".gitignore", "gitattributes": ".gitattributes"}
"""Files whose names in the package differ from where they belong; others keep theirs."""


def init(
    directory: Annotated[str, typer.Argument(metavar="DIR", help="Where; made if needed.")] = ".",
    force: Annotated[bool, typer.Option("--force", help="Replace files that exist.")] = False,
    ci: Annotated[
        str | None,
        typer.Option(
            "--ci",
            metavar="github|gitlab|none",
            help="CI files at the top of the git repository, for the suite that stands in DIR or "
            "else for the new one; none: none. By default a GitHub workflow in DIR.",
        ),
    ] = None,
) -> int:
    """Write a small suite that works at once, without a model.

    It compares two versions of one template on completions that a real model gave, and brings a
    pre-commit hook and a CI workflow. Where a suite stands already, --ci adds the CI files alone
    and replaces nothing.
    """
    from promptreg.cli.ci import ci_files, standing_suite, starter_suite, suite_file_in

    root = Path(directory)
    if root.exists() and not root.is_dir():
        raise UsageError(f"{root}: is no folder; name one, or one that is to be made")
    forge = _forge(ci)
    suite_file = suite_file_in(root)
    if ci is not None and suite_file is not None and not force:
        return _add(list(ci_files(standing_suite(suite_file), forge)))
    starter = files("promptreg.cli") / "starter"
    targets = [
        (root / _PLACES.get(name, name), source.read_bytes()) for name, source in _walk(starter, "")
    ]
    in_ci = starter_suite(root, at_top=ci is not None)
    in_ci_files = list(ci_files(in_ci, forge))
    if ci is None:  # they lie in the new folder, and belong to it
        targets += [(f.path, f.text.encode()) for f in in_ci_files]
    standing = [str(path) for path, _ in targets if path.exists()]
    if standing and not force:
        raise UsageError(
            f"{', '.join(standing[:4])}{' ...' if len(standing) > 4 else ''} "
            f"{'exists' if len(standing) == 1 else 'exist'} already; nothing was written. "
            "Choose another folder, or --force to replace"
        )
    for path, content in targets:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        print(f"wrote {path}")
    if ci is not None:
        _add(in_ci_files)
    where = "" if root == Path() else f"cd {root} && "
    print(f"\nNext:  {where}promptreg validate && promptreg compare v1 v2")
    return 0


def _forge(name: str | None) -> Forge:
    from promptreg.cli.ci import Forge

    try:
        return Forge(name or "github")
    except ValueError as e:
        raise UsageError(f"--ci {name!r}: must be one of {', '.join(Forge)}") from e


def _add(wanted: list[CiFile]) -> int:
    """Write the files that are not there, and say of the others what to do."""
    for file in wanted:
        if file.path.is_file() and file.path.read_bytes() == file.text.encode():
            print(f"{file.path} stands already")
            continue
        if file.known and file.path.is_file() and file.known in _words(file.path):
            print(f"{file.path} has {file.known!r} already")
            continue
        if file.path.exists():
            print(f"{file.path} exists and stays as it is; {file.otherwise}")
            continue
        file.path.parent.mkdir(parents=True, exist_ok=True)
        file.path.write_text(file.text, "utf-8")
        print(f"wrote {file.path}")
    return 0


def _words(path: Path) -> str:
    return path.read_text("utf-8", "replace")


def _walk(folder: Traversable, prefix: str) -> Iterator[tuple[str, Traversable]]:
    for item in sorted(folder.iterdir(), key=lambda t: t.name):
        name = f"{prefix}{item.name}"
        if item.is_dir():
            if item.name != "__pycache__":
                yield from _walk(item, f"{name}/")
        else:
            yield name, item
