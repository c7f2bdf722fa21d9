"""Every deliberate error of promptreg, and the exit codes they lead to.

    PromptregError
    ├── UsageError            exit 2: the user can mend it (suite, file, option, reference)
    │   ├── SuiteError        the suite file: unknown key, wrong value, missing section
    │   ├── DataError         scenarios or recorded completions that cannot be read
    │   ├── TemplateError     a template that cannot be parsed or rendered
    │   └── PluginError       a plug-in that is unknown, broken, misspelt or claimed twice
    ├── NotComparableError    exit 4: two runs that must not be compared
    ├── ExecutionError        exit 5: the provider, the store or the budget stopped the work
    │   ├── ProviderError     the provider is unreachable or refuses every call
    │   ├── StoreError        the run store cannot be read or written, or is damaged
    │   └── BudgetError       the budget was spent before the work was done
    ├── StoppedError          exit 130 or 143: Ctrl-C or SIGTERM; the next call resumes
    └── CallError             one call failed; becomes a `Failure` in its trial, never ends a run

Whoever raises says what was found, where, and what is allowed. The command line catches
`PromptregError` once and prints the message; nothing a user can cause shows a traceback.
"""

from __future__ import annotations

import difflib
import enum
from collections.abc import Iterable

__all__ = [
    "BudgetError",
    "CallError",
    "DataError",
    "ExecutionError",
    "ExitCode",
    "MissingPackageError",
    "NotComparableError",
    "PluginError",
    "PromptregError",
    "ProviderError",
    "StoppedError",
    "StoreError",
    "SuiteError",
    "TemplateError",
    "UsageError",
    "did_you_mean",
]


class ExitCode(enum.IntEnum):
    """What the process says to its caller; a contract."""

    OK = 0
    """Pass: not worse by more than the margin; or the command did what it says."""
    REGRESSION = 1
    """At least one gating metric regressed, or an absolute limit is shown to be missed."""
    USAGE = 2
    """Usage, suite or plug-in error."""
    INCONCLUSIVE = 3
    """Too little data to tell."""
    NOT_COMPARABLE = 4
    """Fingerprints differ, too many trials are missing, or the baseline is incomplete."""
    EXECUTION = 5
    """The provider or the store is unavailable, or the budget is spent."""
    INTERRUPTED = 130
    """Ctrl-C; the next call resumes."""
    TERMINATED = 143
    """SIGTERM; the next call resumes."""


class PromptregError(Exception):
    """Root of every deliberate error."""

    exit_code: ExitCode = ExitCode.USAGE


class UsageError(PromptregError):
    """The user asked for something that cannot be done as asked."""


class SuiteError(UsageError):
    """The suite file is wrong."""


class DataError(UsageError):
    """A data file is wrong."""


class TemplateError(UsageError):
    """A template cannot be parsed or rendered."""


class PluginError(UsageError):
    """A plug-in is unknown, broken, misspelt or claimed twice."""


class MissingPackageError(PluginError):
    """A plug-in needs a package that is not installed; the message says how to get it."""


class NotComparableError(PromptregError):
    """Two runs differ in more than the template, or too much of them is missing."""

    exit_code = ExitCode.NOT_COMPARABLE


class ExecutionError(PromptregError):
    """The work could not be done; what was paid for is kept."""

    exit_code = ExitCode.EXECUTION


class ProviderError(ExecutionError):
    """The provider is unreachable, or refuses every call."""


class StoreError(ExecutionError):
    """The run store cannot be read or written, or is damaged."""


class BudgetError(ExecutionError):
    """The budget was spent before the work was done."""


class StoppedError(PromptregError):
    """A signal stopped the work; what was completed is kept."""

    def __init__(self, message: str, exit_code: ExitCode = ExitCode.INTERRUPTED) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class CallError(PromptregError):
    """One attempt at a call failed.

    Args:
        cause: one of the values of `promptreg.records.Cause`.
        detail: one line for people; must hold no secret.
        retryable: whether another attempt may succeed.
        retry_after_s: how long the server asked to wait, in seconds; None when it did not say.
    """

    exit_code = ExitCode.EXECUTION

    def __init__(
        self,
        cause: str,
        detail: str,
        *,
        retryable: bool = False,
        retry_after_s: float | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(detail)
        self.cause = cause
        self.detail = detail
        self.retryable = retryable
        self.retry_after_s = retry_after_s
        self.status = status


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ` (did you mean 'x'?)` for a near miss, else an empty string."""
    close = difflib.get_close_matches(word, list(known), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""
