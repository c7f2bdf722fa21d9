"""What a llama.cpp server says about itself: readiness, model, slots, defaults."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from promptreg import CallError, Cause, Probe
from promptreg.records import Json
from promptreg_providers.client import JsonClient
from promptreg_providers.transport.json_body import count_of, model_name, text_of

__all__ = ["State", "look"]

_POLL_S = 0.25
_NOT_SAMPLING = frozenset({"seed", "stream", "n_probs", "lora", "max_tokens", "n_predict", "stop"})


@dataclass(frozen=True, slots=True)
class State:
    """What was learned: the probe, and the number of slots (0 when unknown)."""

    probe: Probe
    slots: int = 0


async def look(client: JsonClient, ready_s: float, sampling: Mapping[str, Any]) -> State:
    """Return the server's state, waiting up to `ready_s` seconds while it loads its model.

    A server without these pages counts as ready: other implementations lack them.
    """
    root = client.base
    try:
        waited = await _healthy(client, root, ready_s)
        props = await _optional(client, root, "/props")
        models = await _optional(client, root, "/v1/models")
    except CallError as e:
        hint = "; is the server running?" if e.cause == Cause.CONNECT else ""
        return State(Probe(ready=False, detail=f"{e.detail}{hint}"))
    facts = _facts(props, models, sampling)
    model = str(facts.get("model", ""))
    slots = count_of(facts.get("slots")) or 0
    parts = [f"llama.cpp server at {client.base}"]
    if model:
        parts.append(f"model {model}")
    if slots:
        parts.append(f"{slots} slots of {facts.get('n_ctx', '?')} tokens")
    if not facts:
        parts.append("which says nothing about itself: is it one?")
    if waited >= 1:
        parts.append(f"ready after {waited:.0f} s")
    return State(Probe(True, ", ".join(parts), model, facts), slots)


async def _healthy(client: JsonClient, root: str, ready_s: float) -> float:
    """Return seconds waited until the server was ready.

    Raises:
        CallError: it cannot be reached, refuses, or is not ready in time.
    """
    import asyncio  # slow to import, and registering must not pay for it

    begun = time.monotonic()
    while True:
        try:
            await client.get(root, "/health")
        except CallError as e:
            waited = time.monotonic() - begun
            if e.cause == Cause.PROTOCOL or e.status in (404, 405, 501):
                return waited  # reached, and has no such page
            if e.status != 503:
                raise
            if waited + _POLL_S > ready_s:
                raise CallError(
                    e.cause, f"the server is not ready after {ready_s:g} s: {e.detail}"
                ) from e
            await asyncio.sleep(_POLL_S)
        else:
            return time.monotonic() - begun


async def _optional(client: JsonClient, root: str, path: str) -> dict[str, Any]:
    """Return the object at a page that a server may lack; a refused key is still an error."""
    try:
        return await client.get(root, path)
    except CallError as e:
        if e.status in (401, 403) or e.cause in (Cause.CONNECT, Cause.NETWORK, Cause.TIMEOUT):
            raise
        return {}


def _facts(
    props: Mapping[str, Any], models: Mapping[str, Any], sampling: Mapping[str, Any]
) -> dict[str, Json]:
    """Return what shapes completions and is the same after a restart, as far as it is told."""
    facts: dict[str, Json] = {}
    listed = models.get("data")
    first = listed[0] if isinstance(listed, list) and listed else None
    first = first if isinstance(first, dict) else {}
    meta = first.get("meta")
    meta = meta if isinstance(meta, dict) else {}
    name = model_name(props.get("model_path")) or model_name(first.get("id"))
    if name:
        facts["model"] = name
    for key in ("n_params", "size"):
        number = count_of(meta.get(key))
        if number is not None:
            facts[f"model_{key}"] = number
    kind = text_of(props.get("model_ftype")) or text_of(meta.get("ftype"))
    if kind:
        facts["model_ftype"] = kind
    build = text_of(props.get("build_info"))
    if build:
        facts["build"] = build
    slots = count_of(props.get("total_slots"))
    if slots is not None:
        facts["slots"] = slots
    settings = props.get("default_generation_settings")
    settings = settings if isinstance(settings, dict) else {}
    context = count_of(settings.get("n_ctx"))
    if context is not None:
        facts["n_ctx"] = context
    for source in (props, settings):
        if isinstance(source.get("kv_unified"), bool):
            facts["kv_unified"] = source["kv_unified"]
    params = settings.get("params")
    if isinstance(params, dict):
        # What the suite leaves open, the server decides: then its defaults shape completions.
        facts["defaults"] = {
            k: v
            for k, v in sorted(params.items())
            if k not in sampling and k not in _NOT_SAMPLING and isinstance(v, (bool, int, float))
        }
    return facts
