"""Pass/fail of independent scenarios asked once: McNemar and Tango."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from promptreg.stats.checks import Checked
from promptreg.stats.evidence import (
    FEW_CHANGED,
    Evidence,
    Settings,
    Swing,
    family_swing,
    unseen_share,
)
from promptreg.stats.flips import Columns
from promptreg.stats.grid import family_sums
from promptreg.stats.model import Floats
from promptreg.stats.proportions import mcnemar_p, tango, tango_z


@dataclass(frozen=True, slots=True)
class PassFailContrast:
    """McNemar's p-value and Tango's interval; flips only to join the other metrics.

    McNemar's test is the sign-flip test of 0/1 scores, without sampling error. A mid-p at or
    below .05 never meets a Tango interval that contains 0 (enumerated to 400 discordant pairs).
    """

    data: Checked
    settings: Settings
    sums: Floats
    column: int | None

    def evidence(self, sums: Floats) -> Evidence:
        """Return the evidence; ``sums`` is used only where the metric joins others."""
        metric, n, alpha = self.data.metric, self.data.n, self.settings.alpha
        worse = int(np.count_nonzero(self.sums < 0))
        better = int(np.count_nonzero(self.sums > 0))
        changed = worse + better
        mid_p = self.settings.mid_p(changed)
        # One scenario, like one family, proves nothing about others.
        low, high = tango(worse, better, n, alpha) if n > 1 else (-1.0, 1.0)
        if metric.higher_is_better:
            beyond = ndtr(-tango_z(worse, better, n, max(-1.0, -metric.margin)))
        else:
            beyond = ndtr(tango_z(worse, better, n, min(1.0, metric.margin)))
        swing: Swing | None = None
        if self.column is not None:
            total = float(self.sums.sum())
            swing = family_swing(total, sums[self.column], self.sums, mid_p=mid_p)
        estimate = (better - worse) / n
        return Evidence(
            scale="difference",
            baseline=float(self.data.baseline.mean()),
            candidate=float(self.data.candidate.mean()),
            estimate=estimate,
            low=low,
            high=high,
            p_value=mcnemar_p(worse, better, mid_p=mid_p),
            se=math.sqrt(max(0.0, (changed - (better - worse) ** 2 / n)) * n / max(1, n - 1)) / n
            if n > 1
            else None,
            changed=changed,
            hidden=unseen_share(n, alpha) if changed < FEW_CHANGED else 0.0,
            beyond_margin=float(beyond),
            test="McNemar mid-p" if mid_p else "McNemar exact",
            effect=("Cohen's g", better / changed - 0.5 if changed else None),
            swing=swing,
            discordant=(worse, better),
        )


def is_pass_fail(data: Checked) -> bool:
    """Return whether scores are 0/1 of independent scenarios that were asked once."""
    return (
        data.metric.kind == "binary"
        and data.repeats == 1
        and data.n_clusters == data.n
        and all(bool(np.isin(a, (0.0, 1.0)).all()) for a in (data.baseline, data.candidate))
    )


def prepare_pass_fail(
    data: Checked, columns: Columns, settings: Settings, *, joins: bool
) -> PassFailContrast:
    """Return the contrast; ``joins`` registers its differences for the joint distribution."""
    d = (data.candidate - data.baseline)[:, 0]
    sums = family_sums(d, data.families, data.n_families)
    return PassFailContrast(data, settings, sums, columns.add(sums) if joins else None)
