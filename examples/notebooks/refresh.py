"""Runs the notebooks anew and stores their outputs, without what differs from machine to machine.

    python examples/notebooks/refresh.py            # all, in place
    python examples/notebooks/refresh.py 02         # those whose name begins so

Needs `nbclient` and `ipykernel`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent


def executed(path: Path) -> Any:
    """Return a notebook as it comes out of a fresh kernel in its own folder."""
    import nbformat
    from nbclient import NotebookClient

    book = nbformat.read(path, as_version=4)
    NotebookClient(
        book, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(path.parent)}}
    ).execute()
    return stripped(book)


def stripped(book: Any) -> Any:
    """Return the notebook without times, counters of the kernel, and messages on stderr."""
    number = 0
    for cell in book.cells:
        cell.metadata = {}
        if cell.cell_type != "code":
            continue
        number += 1
        cell.execution_count = number
        cell.outputs = [o for o in cell.outputs if o.get("name") != "stderr"]
        for output in cell.outputs:
            if "execution_count" in output:
                output.execution_count = number
    book.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    return book


def main(names: list[str]) -> None:
    import nbformat

    for path in sorted(HERE.glob("*.ipynb")):
        if not names or any(path.name.startswith(name) for name in names):
            nbformat.write(executed(path), path)
            print(f"refreshed {path.name}")


if __name__ == "__main__":
    main(sys.argv[1:])
