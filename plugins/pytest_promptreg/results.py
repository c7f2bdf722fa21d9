"""What a session's checks and comparisons came to: for the end of the run, and as JSON."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from promptreg.errors import PromptregError
from promptreg.stages.report import comparison_json, digest, write_whole
from promptreg.stages.report.text import clean, one_line
from promptreg.verdicts import Comparison

if TYPE_CHECKING:
    from pytest_promptreg.asked import Asked
    from pytest_promptreg.planned import Planned, Prepared

__all__ = ["Results"]

SCHEMA_VERSION = "1"
_COLOURS = {"pass": "green", "fail": "red", "inconclusive": "yellow"}


class Results:
    """Collects in every process; the one that talks to the user shows and writes.

    Args:
        config: of the session.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._checks: list[dict[str, Any]] = []
        self._comparisons: dict[str, dict[str, Any]] = {}
        self._errors: dict[str, str] = {}
        self._left: list[str] = []

    def compared(
        self, asked: Asked, comparison: Comparison, complaints: Sequence[str] = ()
    ) -> None:
        """Note a comparison that was made, and what went wrong in plug-ins that were told."""
        self._comparisons[asked.key] = {
            "suite_file": str(asked.suite),
            "verdict": str(comparison.gate.verdict),
            "lines": [
                f"GATE {digest.headline(comparison)}",
                f"{one_line(comparison.suite, 60)}: {one_line(asked.candidate, 60)} against "
                f"{one_line(asked.baseline, 60)} · {digest.facts(comparison)}",
                *(f"warning: {one_line(w, 400)}" for w in (*comparison.warnings, *complaints)),
                digest.spent(comparison),
            ],
            "comparison": comparison_json(comparison),
        }

    def decided(self, nodeid: str, found: Prepared, outcome: str) -> None:
        """Note what a check came to."""
        gate = found.checked.gate
        self._check(nodeid, found.planned, str(gate.verdict), outcome, gate.reasons)

    def errored(self, nodeid: str, planned: Planned, error: PromptregError) -> None:
        """Note a check whose comparison could not be made."""
        self._check(nodeid, planned, "error", "error", (str(error),))
        self._errors[planned.asked.key] = f"exit code {int(error.exit_code)}: {clean(str(error))}"

    def _check(
        self, nodeid: str, planned: Planned, verdict: str, outcome: str, reasons: tuple[str, ...]
    ) -> None:
        check = planned.check
        self._checks.append(
            {
                "nodeid": clean(nodeid),
                "comparison": planned.asked.key,
                "template": check.template,
                "slice": dict(check.where) or None,
                "metric": check.metric,
                "verdict": verdict,
                "outcome": outcome,
                "reasons": [clean(reason) for reason in reasons],
            }
        )

    def leaves(self, folder: Path) -> None:
        """Note a folder that is of no use after the session."""
        self._left.append(str(folder))

    def take(self, handed: str) -> None:
        """Take over what a worker noted."""
        told = json.loads(handed)
        self._checks += told["checks"]
        self._errors |= told["errors"]
        self._left += told["left"]
        for key, one in told["comparisons"].items():
            known = self._comparisons.get(key)
            # The worker that made the calls can tell what they took.
            if known is None or _called(one) > _called(known):
                self._comparisons[key] = one

    def finish(self) -> None:
        """In a worker: hand everything over. Else write the file of --promptreg-json."""
        told = {
            "checks": self._checks,
            "comparisons": self._comparisons,
            "errors": self._errors,
            "left": self._left,
        }
        handed = getattr(self._config, "workeroutput", None)
        if handed is not None:
            handed["promptreg"] = json.dumps(told)
            return
        for folder in dict.fromkeys(self._left):
            shutil.rmtree(folder, ignore_errors=True)
            with suppress(OSError):  # another session may be under way
                Path(folder).parent.rmdir()
        target = self._config.getoption("promptreg_json")
        if target:
            self._write(Path(target))

    def _write(self, path: Path) -> None:
        report = {
            "schema_version": SCHEMA_VERSION,
            "checks": self._checks,
            "comparisons": {
                key: {"suite_file": one["suite_file"], **one["comparison"]}
                for key, one in self._comparisons.items()
            },
            "errors": self._errors,
        }
        try:
            write_whole(path, (json.dumps(report, indent=2, allow_nan=False) + "\n").encode())
        except PromptregError as e:
            pytest.exit(f"--promptreg-json: {e}", int(e.exit_code))

    def show(self, terminal: pytest.TerminalReporter) -> None:
        """Print the decision of each comparison."""
        target = self._config.getoption("promptreg_json")
        if not self._comparisons and not self._errors and not target:
            return
        terminal.write_sep("=", "promptreg")
        for one in self._comparisons.values():
            colour = {_COLOURS[one["verdict"]]: True}
            first, *rest = one["lines"]
            terminal.write_line(first, bold=True, **colour)
            for line in rest:
                terminal.write_line(f"  {line}")
        for error in self._errors.values():
            terminal.write_line(f"NOT COMPARED — {error}", red=True)
        if target:
            terminal.write_line(f"report: {target}")


def _called(one: dict[str, Any]) -> int:
    return int(one["comparison"]["trials"]["called"])
