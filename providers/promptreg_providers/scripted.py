"""The provider `scripted`: answers made up from settings, for tests and first steps."""

from __future__ import annotations

import hashlib
import json
import math
import random
from collections.abc import Mapping
from typing import Any, ClassVar

from promptreg import Call, CallError, Cause, Completion, Probe
from promptreg.records import Json

__all__ = ["Scripted"]

_LEVELS = ((30, "low"), (60, "medium"), (85, "high"), (101, "critical"))


class Scripted:
    """Made-up answers: no model, no network; can never pass a gate.

    A text is looked for in `by_version` (a text, or scenario id to text), then `by_scenario`, then
    `text`. Where none is given, an answer with a risk score is drawn: the scenario's `centre`, plus
    the version's `shift`, plus noise; the same on every machine and in every order of calls.

    Args:
        text: the answer to everything.
        by_version: version label to text, or to a mapping of scenario id to text.
        by_scenario: scenario id to text.
        centres: scenario id to risk score, 0 to 100; default: drawn from the scenario's id.
        shift: version label to points added to every risk score.
        noise: standard deviation of a risk score, in points.
        seed: changes every draw.
        latency_s: seconds to wait for each answer, reported as its latency.
        fail_every: about one call in so many fails, always the same ones; null for none.
        fail_cause: what failed calls say.
        sampling: has no effect; accepted so that a suite can switch providers.
        api_key_env: has no effect; accepted so that a suite can switch providers.
    """

    synthetic: ClassVar[bool] = True
    cacheable: ClassVar[bool] = True

    def __init__(
        self,
        text: str | None = None,
        by_version: Mapping[str, str | Mapping[str, str]] | None = None,
        by_scenario: Mapping[str, str] | None = None,
        centres: Mapping[str, float] | None = None,
        shift: Mapping[str, float] | None = None,
        noise: float = 0.0,
        seed: int = 0,
        latency_s: float | None = None,
        fail_every: int | None = None,
        fail_cause: str = "timeout",
        sampling: Mapping[str, Any] | None = None,
        api_key_env: str | None = None,
    ) -> None:
        if not (math.isfinite(noise) and noise >= 0):
            raise ValueError(f"noise: found {noise}; allowed: 0 or more")
        if latency_s is not None and not (math.isfinite(latency_s) and latency_s >= 0):
            raise ValueError(f"latency_s: found {latency_s}; allowed: 0 or more")
        if fail_every is not None and fail_every < 1:
            raise ValueError(f"fail_every: found {fail_every}; allowed: 1 or more")
        if fail_cause not in set(Cause):
            raise ValueError(f"fail_cause: found {fail_cause!r}; allowed: {', '.join(Cause)}")
        for name, centre in (centres or {}).items():
            if not 0 <= centre <= 100:
                raise ValueError(f"centres.{name}: found {centre}; allowed: 0 to 100")
        self._settings: dict[str, Any] = {
            "text": text,
            "by_version": dict(by_version or {}),
            "by_scenario": dict(by_scenario or {}),
            "centres": dict(centres or {}),
            "shift": dict(shift or {}),
            "noise": noise,
            "seed": seed,
            "latency_s": latency_s,
            "fail_every": fail_every,
            "fail_cause": fail_cause,
        }
        self._latency_s = latency_s

    def identity(self) -> Mapping[str, Json]:
        """Return the kind and every setting."""
        return {"kind": "scripted", **self._settings}

    async def complete(self, call: Call) -> Completion:
        """Return the scripted answer.

        Raises:
            CallError: this call is one of those that fail.
        """
        if self._latency_s:
            import asyncio  # slow to import, and registering must not pay for it

            await asyncio.sleep(self._latency_s)
        every = self._settings["fail_every"]
        if every and self._draw(call, "fail").randrange(every) == 0:
            raise CallError(self._settings["fail_cause"], "a scripted failure")
        text = self._text(call)
        return Completion(text=text, model="scripted", latency_s=self._latency_s)

    async def probe(self) -> Probe:
        """Return that it is always ready."""
        return Probe(True, "scripted answers: no model is asked", "scripted")

    async def aclose(self) -> None:
        """Release nothing."""

    def _text(self, call: Call) -> str:
        version = self._settings["by_version"].get(call.version)
        if isinstance(version, str):
            return version
        if version is not None and call.scenario_id in version:
            return str(version[call.scenario_id])
        scenario = self._settings["by_scenario"].get(call.scenario_id)
        if scenario is not None:
            return str(scenario)
        fixed = self._settings["text"]
        return str(fixed) if fixed is not None else self._drawn(call)

    def _drawn(self, call: Call) -> str:
        settings = self._settings
        centre = settings["centres"].get(call.scenario_id)
        if centre is None:
            centre = self._random("centre", call.scenario_id).uniform(0, 100)
        shifted = centre + settings["shift"].get(call.version, 0.0)
        drawn = shifted + self._draw(call, "noise").gauss(0.0, 1.0) * settings["noise"]
        risk = round(min(100.0, max(0.0, drawn)))  # a made-up score may end at the scale's end
        level = next(name for bound, name in _LEVELS if risk < bound)
        return json.dumps(
            {
                "risk_score": risk,
                "risk_level": level,
                "summary": f"Scripted answer for {call.scenario_id or 'a prompt'}.",
                "reasoning": "Drawn at random; no model was asked.",
            }
        )

    def _draw(self, call: Call, what: str) -> random.Random:
        return self._random(what, call.template, call.version, call.scenario_id, str(call.repeat))

    def _random(self, *parts: str) -> random.Random:
        text = json.dumps([self._settings["seed"], *parts])
        return random.Random(hashlib.sha256(text.encode()).digest())  # noqa: S311 - reproducible
