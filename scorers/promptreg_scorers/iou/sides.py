"""Both sides of an image: the boxes that are expected in it, and those that were found."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from promptreg import Scenario, Trial
from promptreg_scorers._values import fields_of, number, shown, truth
from promptreg_scorers.iou.boxes import Form, Frame, Reading

__all__ = ["Sides", "check_metrics"]


def check_metrics(metrics: Sequence[str], there: Collection[str]) -> None:
    """Check a scorer's setting `metrics`.

    Raises:
        ValueError: it is no list of some of those that are there, each at most once.
    """
    unknown = [m for m in metrics if m not in there]
    if unknown or not metrics or isinstance(metrics, str) or len(set(metrics)) < len(metrics):
        raise ValueError(f"metrics is {shown(metrics)}; allowed: some of {', '.join(there)}")


class Sides:
    """Reads boxes as settings say; they are those of the scorer `iou`.

    Raises:
        ValueError: a setting has a value that is not allowed.
    """

    def __init__(
        self,
        field: str,
        truth: str,
        found: Mapping[str, Any] | None,
        expected: Mapping[str, Any] | None,
        labels: Mapping[str, str] | None,
        only: Sequence[str],
        match_labels: bool,
        min_confidence: float,
        size: Sequence[float | str],
    ) -> None:
        if not 0 <= min_confidence <= 1:
            raise ValueError(f"min_confidence is {min_confidence}; allowed: 0 to 1")
        if len(size) != 2 or any(type(s) is not type(size[0]) for s in size):
            raise ValueError(f"size is {shown(size)}; allowed: two numbers, or two columns")
        for s in size:
            if not isinstance(s, str) and (number(s) or 0) <= 0:
                raise ValueError(f"size is {shown(size)}; allowed: numbers above 0")
        words = {str(k).strip().lower(): str(v).strip().lower() for k, v in (labels or {}).items()}
        kept = frozenset(word.strip().lower() for word in only)
        if kept and not match_labels:
            raise ValueError("only: chooses labels, but match_labels is false")
        self._field, self._truth, self._size = field, truth, tuple(size)
        self._found = Form(found or {}, "found", words, kept, match_labels, min_confidence)
        self._expected = Form(expected or {}, "expected", words, kept, match_labels)

    def applies(self, scenario: Scenario) -> bool:
        """Return whether boxes are known, be it that there are none."""
        return truth(scenario, self._truth) is not None

    def found(self, trial: Trial) -> Reading | str:
        """Return the found boxes, or why the field is no list of boxes."""
        frame = self._frame(trial.scenario)
        value = fields_of(trial).get(self._field)
        read = self._found.read(value, frame, frame.width is not None)
        return f"{self._field}: {read}" if isinstance(read, str) else read

    def known(self, scenario: Scenario) -> Reading | str:
        """Return the expected boxes, or why they are of no use."""
        known = truth(scenario, self._truth)
        if known is None:
            return f"there is no {self._truth}"
        frame = self._frame(scenario)
        if frame.width is None and self._found.units != self._expected.units:
            return (
                f"expected boxes are in {self._expected.units}, found ones in {self._found.units}, "
                f"and the image's size is not known; give the columns {self._size[0]} and "
                f"{self._size[1]}, or 'size'"
            )
        read = self._expected.read(known, frame, frame.width is not None)
        if isinstance(read, str):
            return f"{self._truth}: {read}"
        return f"{self._truth}: {read.refused[0]}" if read.refused else read

    def _frame(self, scenario: Scenario) -> Frame:
        sides = [number(scenario.variables.get(s) if isinstance(s, str) else s) for s in self._size]
        if any(side is None or side <= 0 for side in sides):
            return Frame()
        return Frame(*sides)
