"""How often trials fail for chosen causes: refusals, unreadable answers."""

from __future__ import annotations

from collections.abc import Sequence

from promptreg import Cause, Scale, Score, Scorer, Trial, Unscored
from promptreg_scorers._values import metric_name

__all__ = ["Failures"]

_UNREADABLE = (Cause.EMPTY, Cause.TRUNCATED, Cause.UNPARSEABLE, Cause.INVALID)
_KINDS: dict[str, tuple[Cause, ...]] = {"refused": (Cause.REFUSED,), "parse_failed": _UNREADABLE}


class Failures(Scorer):
    """1 for a trial that failed for one of the causes, else 0; the metrics are shares of trials.

    Lower is better. Without settings there are two metrics: `refused`, and `parse_failed` for
    answers that are empty, truncated, unparseable or invalid. Such trials count as the worst value
    on every quality metric already; these metrics are for guards and limits of their own, and no
    part of the default composite.

    Example: 100 trials, 3 refused, 1 timed out: `refused` 0.03, `parse_failed` 0.

    Unscored where infrastructure failed: what the model would have said is not known.

    Args:
        causes: causes of failure, such as `[timeout, truncated]`; one metric for all of them.
        name: the metric's name; default: the causes, as in `timeout_truncated`.
        margin: the largest worsening accepted; default 0.05.
    """

    reads_answer = False
    scores_failed = True
    in_composite = False

    def __init__(
        self, causes: Sequence[str] | None = None, name: str = "", margin: float = 0.05
    ) -> None:
        if not 0 < margin <= 1:
            raise ValueError(f"margin is {margin:g}; allowed: above 0, up to 1")
        if causes is None:
            if name:
                raise ValueError("'name' goes with 'causes'; without them there are two metrics")
            self._causes = list(_KINDS.values())
            names = list(_KINDS)
        else:
            self._causes = [_checked(causes)]
            names = [name or metric_name("_".join(self._causes[0]))]
        self.scales = tuple(
            Scale(label, "binary", direction="lower_is_better", margin=margin) for label in names
        )

    def score(self, trial: Trial) -> list[Score | Unscored]:
        """Return for each metric whether the trial failed so."""
        failure = trial.failure
        if failure is not None and failure.infrastructure:
            return [s.unscored(f"{failure.cause}: {failure.detail}") for s in self.scales]
        cause = None if failure is None else failure.cause
        return [
            Score(scale, 1.0 if cause in causes else 0.0)
            for scale, causes in zip(self.scales, self._causes, strict=True)
        ]


def _checked(causes: Sequence[str]) -> tuple[Cause, ...]:
    if isinstance(causes, str) or not causes:
        raise ValueError(f"causes is {causes!r}; allowed: a list of causes")
    known = sorted(str(cause) for cause in Cause)
    for cause in causes:
        if cause not in known:
            raise ValueError(f"causes holds {cause!r}; allowed: {', '.join(known)}")
    return tuple(dict.fromkeys(Cause(cause) for cause in causes))
