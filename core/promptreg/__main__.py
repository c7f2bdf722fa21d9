"""Start the command line, and turn errors into one message and one exit code."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run `promptreg`; never returns."""
    from promptreg.cli.app import run

    code = run(sys.argv[1:])
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader went away (`promptreg ... | head`); keep the interpreter from complaining.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)


if __name__ == "__main__":
    main()
