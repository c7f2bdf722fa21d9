"""Calibrate: gates simulated from repeated completions of one version.

Here is what is drawn, worsened, measured and counted; `pipeline.calibrate` sends it through the
comparison and the gate.
"""

from promptreg.stages.calibrate.injection import Impossible, Injection, plan_injections, worsened
from promptreg.stages.calibrate.noise import NoiseLine, TextNoise, noise_lines, text_noise
from promptreg.stages.calibrate.pool import Pool, Strata, draw, family_strata, pool_of, rows_of
from promptreg.stages.calibrate.spend import Spend, least_seen, next_spend, variances_of
from promptreg.stages.calibrate.tally import GateRates, InjectedRates, Tally, rate

__all__ = [
    "GateRates",
    "Impossible",
    "InjectedRates",
    "Injection",
    "NoiseLine",
    "Pool",
    "Spend",
    "Strata",
    "Tally",
    "TextNoise",
    "draw",
    "family_strata",
    "least_seen",
    "next_spend",
    "noise_lines",
    "plan_injections",
    "pool_of",
    "rate",
    "rows_of",
    "text_noise",
    "variances_of",
    "worsened",
]
