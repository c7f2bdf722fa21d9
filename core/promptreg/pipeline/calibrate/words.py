"""What a reader of a calibration must know, in words."""

from __future__ import annotations

from collections.abc import Iterator

from promptreg.pipeline.calibrate.measure import Measured
from promptreg.policy import Policy
from promptreg.records import RunFacts
from promptreg.verdicts import Verdict

__all__ = ["LABELS_WARNING", "MORE_WARNING", "PAIRS_WARNING", "notes_of", "warnings_of"]

MORE_WARNING = (
    "simulated gates never ask for more: gate.more is not simulated, and a gate that may is not "
    "shown these rates"
)

LABELS_WARNING = (
    "{}: the judge's own grades are simulated; where labels of people decide, a gate is not shown "
    "these rates"
)

PAIRS_WARNING = (
    "{} is judged on pairs of answers and is not simulated: which pairs a gate holds against each "
    "other is drawn anew each time, and each would have to be judged; a gate on it is not shown "
    "these rates"
)


def warnings_of(measured: Measured, facts: RunFacts, policy: Policy) -> Iterator[str]:
    """Yield what a reader must know before believing the rates."""
    if facts.synthetic:
        yield (
            "answers came from a scripted provider: this calibration says nothing about any model "
            "and is not kept"
        )
    if facts.partial:
        yield "only part of the suite's scenarios was asked; it fits no gate on the whole suite"
    if measured.unmet:
        yield f"whatever the answers, this gate cannot pass: {'; '.join(measured.unmet[:5])}"
    bound = policy.alpha
    for name, rates in (("scenarios like these", measured.again), ("these", measured.same)):
        low = rates.false_alarm.interval[0]
        if low > bound:
            yield (
                f"on {name} the gate raises more false alarms ({rates.false_alarm.share:.1%}, at "
                f"least {low:.1%}) than its policy allows ({bound:.1%})"
            )
    accused = [
        d
        for d in measured.observed
        if d.gating and d.verdict in (Verdict.REGRESSED, Verdict.IMPROVED)
    ]
    if accused:
        named = ", ".join(dict.fromkeys(d.metric for d in accused))
        yield (
            f"the two halves differ although nothing changed ({named}): by chance in "
            f"{policy.alpha:.0%} of such cases at most; else something besides the template "
            "differs between askings (server, load, time)"
        )
    if measured.again.limit_missed.count:
        yield (
            "the version itself misses an absolute limit in "
            f"{measured.again.limit_missed.share:.0%} of the gates; these fail rightly and are "
            "no false alarms"
        )
    for injected in measured.injected:
        let_go = injected.rates.acquitted
        if let_go.interval[0] > policy.alpha / 2:
            i = injected.injection
            part = "".join(f" ({k}={v})" for k, v in i.where.items())
            yield (
                f"{i.metric}{part}, worse by {i.times_margin:g} margins, is said to be no worse "
                f"in {let_go.share:.1%} of the gates (at least {let_go.interval[0]:.1%}); "
                f"{policy.alpha / 2:.1%} is what the policy allows"
            )


def notes_of(measured: Measured) -> Iterator[str]:
    """Yield how to read the rates."""
    if not any(t.differing for t in measured.texts):
        yield (
            "every scenario was answered with the same text each time: an A/A measures nothing of "
            "the model's noise here, and false alarms come from resampling (and from times) only"
        )
    yield (
        "intervals are exact 95 % intervals for the number of simulated gates; the completions the "
        "gates were made of are held fixed"
    )
    yield (
        "what another edit does to single scenarios cannot be seen by asking one version: its "
        "spread is taken to be that of the scores between scenarios"
    )
