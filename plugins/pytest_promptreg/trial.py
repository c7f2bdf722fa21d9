"""What a model answered to one prompt, as tests read it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from promptreg.errors import did_you_mean
from promptreg.records import Failure, Trial

__all__ = ["Evaluated", "TrialFailedError"]

__tracebackhide__ = True  # pytest then shows the line of the test, not the way through here


class TrialFailedError(AssertionError):
    """A test asks what a failed trial answered.

    Attributes:
        failure: cause and detail.
    """

    def __init__(self, message: str, failure: Failure) -> None:
        super().__init__(message)
        self.failure = failure


class Evaluated:
    """One trial.

    Fields of the answer are attributes, exactly as the model gave them: `risk_score`,
    `risk_level`, `reasoning`, `summary` and any other. Where the trial failed they raise
    `TrialFailedError`: there is no number that stands for an answer that is none.
    """

    def __init__(self, trial: Trial, mentions: Callable[[Trial, str], bool]) -> None:
        self._trial = trial
        self._mentions = mentions

    @property
    def failure(self) -> Failure | None:
        """Why there is no answer (`cause`, `detail`); None where there is one."""
        return self._trial.failure

    @property
    def answer(self) -> Mapping[str, Any]:
        """The answer's fields by name."""
        trial = self._trial
        if trial.answer is None:
            failure = trial.failure
            assert failure is not None  # noqa: S101 - a trial has an answer or a failure
            raise TrialFailedError(
                f"{self._name} failed: {failure.cause}: {failure.detail}", failure
            )
        return trial.answer.fields

    @property
    def risk_score(self) -> Any:
        """The field `risk_score` of the answer."""
        return self._field("risk_score")

    @property
    def risk_level(self) -> Any:
        """The field `risk_level` of the answer."""
        return self._field("risk_level")

    @property
    def reasoning(self) -> Any:
        """The field `reasoning` of the answer."""
        return self._field("reasoning")

    @property
    def summary(self) -> Any:
        """The field `summary` of the answer."""
        return self._field("summary")

    @property
    def text(self) -> str:
        """The completion, untouched; also where no answer could be read from it.

        Raises:
            TrialFailedError: there is no completion.
        """
        if self._trial.completion is None:
            _ = self.answer
        completion = self._trial.completion
        return completion.text if completion is not None else ""

    @property
    def thinking(self) -> str:
        """What the model wrote between `<think>` marks."""
        return self._trial.answer.thinking if self._trial.answer else ""

    @property
    def prompt(self) -> str:
        """The text that was sent."""
        return self._trial.prompt.text

    @property
    def scenario_id(self) -> str:
        """Which scenario was asked about; empty for a prompt without one."""
        return self._trial.scenario.id

    def mentions(self, point: str) -> bool:
        """Return whether the answer mentions a key point, as the scorer `key_points` counts it.

        Alternatives in a point are divided by `|`; case and white space do not count.

        Raises:
            TrialFailedError: there is no answer.
        """
        _ = self.answer
        return self._mentions(self._trial, point)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return self._field(name)

    def __repr__(self) -> str:
        failure = self._trial.failure
        what = f"failed: {failure.cause}" if failure else dict(self.answer)
        return f"<Evaluated {self._name} {what!r:.200}>"

    @property
    def _name(self) -> str:
        template = self._trial.template
        return f"{template.name}@{template.label} on {self._trial.scenario.id or 'a prompt'}"

    def _field(self, name: str) -> Any:
        fields = self.answer
        if name not in fields:
            raise AttributeError(
                f"the answer of {self._name} has no {name!r}{did_you_mean(name, fields)}; "
                f"it has: {', '.join(fields) or 'nothing'}"
            )
        return fields[name]
