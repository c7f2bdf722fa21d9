"""Start the command line, and turn errors into one message and one exit code."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run `promptreg`; never returns."""
    # The matrices here are small: threads would only spin and wait for each other, and on a busy
    # machine cost twenty times what they save. Must be said before numpy is first imported.
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    try:
        from promptreg.cli.streams import flush_streams, guard_streams

        guard_streams()
        from promptreg.cli.app import run

        code = flush_streams(run(sys.argv[1:]))
    except KeyboardInterrupt:  # before the command began, or after it ended
        code = 130
    sys.exit(code)


if __name__ == "__main__":
    main()
