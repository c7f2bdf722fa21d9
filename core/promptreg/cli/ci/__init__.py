"""Files that put a suite's gate into CI: which, where, and what they say."""

from promptreg.cli.ci.files import CiFile, Forge, ci_files
from promptreg.cli.ci.suites import standing_suite, starter_suite, suite_file_in

__all__ = [
    "CiFile",
    "Forge",
    "ci_files",
    "standing_suite",
    "starter_suite",
    "suite_file_in",
]
