"""The provider `llama_cpp`: raw text to a llama.cpp server, as production sends it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from promptreg import Call, CallError, Cause, Completion, Probe
from promptreg.errors import UsageError
from promptreg.records import Json
from promptreg_providers import llama_server
from promptreg_providers.client import JsonClient, TransportChoice, address, server_name
from promptreg_providers.sampling import merged, seed_of
from promptreg_providers.transport.base import MAX_BYTES
from promptreg_providers.transport.json_body import (
    count_of,
    mend_surrogates,
    model_name,
    read_object,
)
from promptreg_providers.transport.secret import Secret

__all__ = ["LlamaCpp"]

_KEY_VARIABLE = "NEMOTRON_API_KEY"
_SAMPLING: dict[str, Any] = {
    "temperature": 0.7,
    "top_p": 0.95,
    "max_tokens": 1536,
    "stop": ["<|im_end|>", "<|im_start|>"],
}
_FINISH = {"eos": "stop", "word": "stop", "limit": "length", "stop": "stop", "length": "length"}
_SCHEMA_TYPES = frozenset({"object", "array", "string", "number", "integer", "boolean", "null"})
_SCHEMA_KEYS = frozenset({"type", "properties", "enum", "const", "anyOf", "oneOf", "allOf", "$ref"})
_KEPT = ("timings", "completion_probabilities", "tokens_cached", "stopping_word")


class LlamaCpp:
    """A llama.cpp server: the prompt's text goes out unchanged, no chat template is applied.

    Args:
        url: the server's address, such as `http://127.0.0.1:8091`.
        endpoint: `completion` (llama.cpp's own) or `v1/completions`.
        model: sent as `model` where a server holds several; none by default.
        sampling: request fields that shape the completion. Defaults: temperature 0.7, top_p 0.95,
            max_tokens 1536, stop `<|im_end|>` and `<|im_start|>`; null takes a default away, any
            other key of llama.cpp is passed on. `seed` is raised by one with every repeat.
        json_schema: constrains answers to a JSON schema.
        grammar: constrains answers to a GBNF grammar.
        n_probs: log-probabilities of that many tokens, kept in `Completion.extra`.
        id_slot: `per_version` sends each template version to a slot of its own, whose prefix
            cache then serves it. Shapes no completion.
        cache_prompt: whether the server may reuse the prefix; null leaves it to the server.
        api_key_env: variable that holds the API key; default NEMOTRON_API_KEY, if that is set.
        endpoint_id: names the server in keys and fingerprints in place of its address, for one
            that has another address every time it starts: stored completions then still serve.
        ready_timeout: seconds to wait while the server loads its model.
        transport: `aiohttp` or `httpx`.
        max_bytes: the largest body to read.
    """

    synthetic: ClassVar[bool] = False
    cacheable: ClassVar[bool] = True
    prompt_fields: ClassVar[frozenset[str]] = frozenset({"prompt"})
    """Request fields that come from the call's prompt."""
    knobs: ClassVar[frozenset[str]] = frozenset({"id_slot", "cache_prompt", "stream"})
    """Request fields that shape no completion; all others are in `identity`."""

    def __init__(
        self,
        url: str,
        endpoint: Literal["completion", "v1/completions"] = "completion",
        model: str | None = None,
        sampling: Mapping[str, Any] | None = None,
        json_schema: Mapping[str, Any] | None = None,
        grammar: str | None = None,
        n_probs: int | None = None,
        id_slot: Literal["per_version"] | None = None,
        cache_prompt: bool | None = None,
        api_key_env: str | None = None,
        endpoint_id: str | None = None,
        ready_timeout: float = 30.0,
        transport: TransportChoice = "aiohttp",
        max_bytes: int = MAX_BYTES,
    ) -> None:
        if json_schema is not None and grammar is not None:
            raise ValueError("json_schema and grammar: only one of them can constrain answers")
        if json_schema is not None:
            _check_schema(json_schema)
        if n_probs is not None and not 0 < n_probs <= 100:
            raise ValueError(f"n_probs: found {n_probs}; allowed: 1 to 100")
        self._endpoint = endpoint
        self._own = endpoint == "completion"
        given = dict(sampling or {})
        defaults = dict(_SAMPLING)
        if given.get("n_predict") is not None:  # where both are sent, n_predict wins
            if given.get("max_tokens") is not None:
                raise ValueError("sampling: max_tokens and n_predict mean the same; give one")
            del defaults["max_tokens"]
        shaped: dict[str, Any] = {
            "model": model,
            "json_schema": json_schema,
            "grammar": grammar,
            "n_probs": n_probs,
        }
        reserved = {*self.prompt_fields, *self.knobs, *shaped}
        self._sampling = merged(defaults, given, reserved)
        self._shape = {k: v for k, v in shaped.items() if v is not None}
        self._fixed = {**self._sampling, **self._shape}
        self._fixed.pop("seed", None)
        if cache_prompt is not None:
            self._fixed["cache_prompt"] = cache_prompt
        self._per_version = id_slot == "per_version"
        self._slots = 0
        self._ready_s = ready_timeout
        secret = Secret(api_key_env or _KEY_VARIABLE, required=bool(api_key_env))
        self._client = JsonClient(address(url).removesuffix("/v1"), secret, transport, max_bytes)
        self._where = server_name(endpoint_id) or self._client.base

    def identity(self) -> Mapping[str, Json]:
        """Return kind, endpoint, sampling and constraints."""
        return {
            "kind": "llama_cpp",
            "endpoint": f"{self._where}/{self._endpoint}",
            "sampling": self._sampling,
            **self._shape,
        }

    def limits(self, *, connect_s: float, read_s: float, connections: int) -> None:
        """Take the run's timeouts, in seconds."""
        self._client.limits(connect_s=connect_s, read_s=read_s)

    def redact(self, text: str) -> str:
        """Return a message without the API key."""
        return self._client.secret.redact(text)

    def request(self, call: Call) -> dict[str, Any]:
        """Return the body that is sent for a call.

        Raises:
            UsageError: the prompt holds images.
        """
        if call.prompt.images:
            raise UsageError("the provider llama_cpp sends text only; the prompt holds images")
        body = {"prompt": call.prompt.text, **self._fixed}
        seed = seed_of(self._sampling, call.repeat)
        if seed is not None:
            body["seed"] = seed
        if self._per_version and self._slots:
            body["id_slot"] = call.lane % self._slots
        return body

    async def complete(self, call: Call) -> Completion:
        """Make one attempt and return the completion.

        Raises:
            CallError: the attempt failed.
            PromptregError: no call can succeed: the API key is missing, or images were given.
        """
        body = self.request(call)
        raw, reply = await self._client.post(f"/{self._endpoint}", body, call.key)
        data = read_object(raw)
        read = _read_own if self._own else _read_openai
        text, finish, prompt_tokens, completion_tokens, extra = read(data)
        text, mended = mend_surrogates(self._client.secret.redact_answer(text))
        if mended:
            extra["lone_surrogates"] = mended
        return Completion(
            text=text,
            finish=finish,
            model=model_name(data.get("model")),
            prompt_tokens=prompt_tokens,
            completion_tokens=completion_tokens,
            latency_s=reply.elapsed_s,
            raw=raw,
            extra=extra,
        )

    async def probe(self) -> Probe:
        """Return whether the server is ready, waiting while it loads its model."""
        problem = self._client.secret.missing()
        if problem:
            return Probe(ready=False, detail=problem)
        state = await llama_server.look(self._client, self._ready_s, self._sampling)
        self._slots = state.slots
        return state.probe

    async def warm_up(self) -> None:
        """Make one tiny completion, so that the first trial does not pay for a cold server.

        Raises:
            CallError: the attempt failed.
        """
        size = "n_predict" if "n_predict" in self._fixed else "max_tokens"
        await self._client.post(f"/{self._endpoint}", {**self._fixed, "prompt": "Hi", size: 1})

    async def aclose(self) -> None:
        """Release connections."""
        await self._client.aclose()


def _check_schema(schema: Mapping[str, Any]) -> None:
    """Refuse a schema that a server would take for none, and then constrain nothing."""
    kinds = schema.get("type")
    for kind in kinds if isinstance(kinds, list) else [kinds]:
        if kind is not None and kind not in _SCHEMA_TYPES:
            allowed = ", ".join(sorted(_SCHEMA_TYPES))
            raise ValueError(f"json_schema.type: found {kind!r}; allowed: {allowed}")
    if not _SCHEMA_KEYS & schema.keys():
        raise ValueError(f"json_schema: needs one of {', '.join(sorted(_SCHEMA_KEYS))}")


_Parts = tuple[str, str, int | None, int | None, dict[str, Any]]


def _read_own(data: dict[str, Any]) -> _Parts:
    """Return text, finish, tokens and extras of a `/completion` response."""
    text = data.get("content")
    if not isinstance(text, str):
        raise _missing("content")
    finish = _FINISH.get(str(data.get("stop_type")), "unknown")
    if finish == "unknown" and data.get("stopped_limit") is True:  # servers of 2024 and before
        finish = "length"
    elif finish == "unknown" and (data.get("stopped_eos") or data.get("stopped_word")):
        finish = "stop"
    extra = {key: data[key] for key in _KEPT if data.get(key)}
    if data.get("truncated") is True:
        finish, extra["truncated"] = "length", True
    return (
        text,
        finish,
        count_of(data.get("tokens_evaluated")),
        count_of(data.get("tokens_predicted")),
        extra,
    )


def _read_openai(data: dict[str, Any]) -> _Parts:
    """Return text, finish, tokens and extras of a `/v1/completions` response."""
    choices = data.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    text = choice.get("text") if isinstance(choice, dict) else None
    if not isinstance(choice, dict) or not isinstance(text, str):
        raise _missing("choices[0].text")
    usage = data.get("usage")
    counts = usage if isinstance(usage, dict) else {}
    extra = {key: data[key] for key in ("timings", "system_fingerprint") if data.get(key)}
    if choice.get("logprobs"):
        extra["logprobs"] = choice["logprobs"]
    return (
        text,
        _FINISH.get(str(choice.get("finish_reason")), "unknown"),
        count_of(counts.get("prompt_tokens")),
        count_of(counts.get("completion_tokens")),
        extra,
    )


def _missing(field: str) -> CallError:
    return CallError(
        Cause.PROTOCOL, f"the body holds no text at {field!r}; is this a llama.cpp server?"
    )
