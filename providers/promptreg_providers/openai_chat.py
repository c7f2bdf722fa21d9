"""The providers `openai_chat` and `nvidia`: chat completions as OpenAI defined them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from promptreg import Call, CallError, Cause, Completion, Probe
from promptreg.errors import UsageError
from promptreg.records import Json
from promptreg_providers.chatml import looks_like_chatml, to_messages
from promptreg_providers.client import JsonClient, TransportChoice, address, server_name
from promptreg_providers.images.attach import attach, needs_pillow
from promptreg_providers.images.limits import ImageLimits
from promptreg_providers.sampling import merged, seed_of
from promptreg_providers.transport.base import MAX_BYTES
from promptreg_providers.transport.json_body import (
    count_of,
    mend_surrogates,
    model_name,
    read_object,
    text_of,
)
from promptreg_providers.transport.secret import Secret

if TYPE_CHECKING:
    from promptreg_providers.images.messages import ImageParts

__all__ = ["Nvidia", "OpenAIChat"]

_FINISH = {"stop": "stop", "length": "length", "content_filter": "content_filter"}
MessagesMode = Literal["auto", "user", "chatml"]


class OpenAIChat:
    """A server that speaks OpenAI's chat completions.

    Args:
        url: the address up to and with `/v1`.
        model: the model's name at that server.
        sampling: request fields that shape the completion (temperature, top_p, max_tokens, stop,
            seed ...); nothing is sent unless given. `seed` is raised by one with every repeat.
        response_format: such as `{type: json_object}`.
        body: further request fields, for what one server adds to the protocol.
        messages: `auto` splits a prompt that begins with `<|im_start|>` into its turns and sends
            any other as one user message; `user` never splits; `chatml` always does.
        api_key_env: variable that holds the API key; none by default.
        endpoint_id: names the server in keys and fingerprints in place of its address, for one
            that has another address every time it starts: stored completions then still serve.
        transport: `aiohttp` or `httpx`.
        max_bytes: the largest body to read.
        images: true sends the scenario's images as `image_url` parts with data URIs, bytes as they
            are; or limits: `{max_bytes, max_pixels, formats, detail}` (extra `vision`).

    Images are files; nothing is fetched. Each is decoded in a process of its own before it is sent.
    """

    synthetic: ClassVar[bool] = False
    cacheable: ClassVar[bool] = True
    default_requests_per_minute: ClassVar[float | None] = None
    prompt_fields: ClassVar[frozenset[str]] = frozenset({"messages"})
    """Request fields that come from the call's prompt."""
    knobs: ClassVar[frozenset[str]] = frozenset({"stream"})
    """Request fields that shape no completion; all others are in `identity`."""
    _kind = "openai_chat"

    def __init__(
        self,
        url: str,
        model: str,
        sampling: Mapping[str, Any] | None = None,
        response_format: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        messages: MessagesMode = "auto",
        api_key_env: str | None = None,
        endpoint_id: str | None = None,
        transport: TransportChoice = "aiohttp",
        max_bytes: int = MAX_BYTES,
        images: bool | Mapping[str, Any] = False,
    ) -> None:
        if not model.strip():
            raise ValueError("model: a name is needed, found an empty text")
        self._model, self._mode = model, messages
        reserved = {*self.prompt_fields, *self.knobs, "model", "response_format", "n"}
        self._sampling = merged({}, sampling, reserved)
        self._body = merged({}, body, {*reserved, *self._sampling}, "body")
        self._format = dict(response_format) if response_format is not None else None
        self._fixed: dict[str, Any] = {"model": model, **self._sampling, **self._body}
        self._fixed.pop("seed", None)
        if self._format is not None:
            self._fixed["response_format"] = self._format
        secret = Secret(api_key_env, required=bool(api_key_env))
        base = address(url)
        self._client = JsonClient(
            base.removesuffix("/chat/completions"), secret, transport, max_bytes
        )
        self._where = server_name(endpoint_id) or self._client.base
        self._detail, self._images = _images(images, self._kind)
        self.takes_images = self._images is not None

    def identity(self) -> Mapping[str, Json]:
        """Return kind, endpoint, model, sampling and what else is sent."""
        return {
            "kind": self._kind,
            "endpoint": f"{self._where}/chat/completions",
            "model": self._model,
            "messages": self._mode,
            "sampling": self._sampling,
            "body": self._body,
            **({"response_format": self._format} if self._format is not None else {}),
            **({"images": {"detail": self._detail}} if self.takes_images else {}),
        }

    def limits(self, *, connect_s: float, read_s: float, connections: int) -> None:
        """Take the run's timeouts, in seconds."""
        self._client.limits(connect_s=connect_s, read_s=read_s)

    def redact(self, text: str) -> str:
        """Return a message without the API key."""
        return self._client.secret.redact(text)

    def request(self, call: Call, images: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
        """Return the body that is sent for a call.

        Args:
            call: the call.
            images: the parts that stand for the prompt's images.

        Raises:
            UsageError: the prompt holds images, or is no ChatML where that is promised.
        """
        if call.prompt.images and not self.takes_images:
            raise UsageError(
                f"the provider {self._kind} sends text only unless it says 'images: true'; "
                "the prompt holds images"
            )
        text = call.prompt.text
        split = self._mode == "chatml" or (self._mode == "auto" and looks_like_chatml(text))
        messages = to_messages(text) if split else [{"role": "user", "content": text}]
        request = {"messages": attach(messages, images) if images else messages, **self._fixed}
        seed = seed_of({**self._body, **self._sampling}, call.repeat)
        if seed is not None:
            request["seed"] = seed
        return request

    async def complete(self, call: Call) -> Completion:
        """Make one attempt and return the completion.

        Raises:
            CallError: the attempt failed.
            PromptregError: no call can succeed: the API key is missing, or the prompts do not fit.
        """
        paths = call.prompt.images
        body = self.request(call, await self._images.parts(paths) if self._images else ())
        raw, reply = await self._client.post("/chat/completions", body, call.key)
        data = read_object(raw)
        text, finish, extra = _answer(data)
        text, mended = mend_surrogates(self._client.secret.redact_answer(text))
        if mended:
            extra["lone_surrogates"] = mended
        usage = data.get("usage")
        counts = usage if isinstance(usage, dict) else {}
        return Completion(
            text=text,
            finish=finish,
            model=model_name(data.get("model")),
            prompt_tokens=count_of(counts.get("prompt_tokens")),
            completion_tokens=count_of(counts.get("completion_tokens")),
            latency_s=reply.elapsed_s,
            raw=raw,
            extra=extra,
        )

    async def probe(self) -> Probe:
        """Return whether the server answers and takes the key; asks for its models only."""
        problem = self._client.secret.missing()
        if problem:
            return Probe(ready=False, detail=problem)
        where = f"{self._kind} at {self._client.base}, model {self._model}"
        try:
            listed = await self._client.get(self._client.base, "/models")
        except CallError as e:
            if e.status in (404, 405, 501) or e.cause == Cause.PROTOCOL:
                return Probe(True, f"{where} (it lists no models)", self._model)
            return Probe(ready=False, detail=e.detail)
        data = listed.get("data")
        names = [m.get("id") for m in data if isinstance(m, dict)] if isinstance(data, list) else []
        if self._model in names or not names:
            return Probe(True, where, self._model)
        some = ", ".join(text_of(name) for name in names[:5])
        return Probe(True, f"{where}, which is not among those listed ({some})", self._model)

    async def aclose(self) -> None:
        """Release connections."""
        if self._images is not None:
            await self._images.aclose()
        await self._client.aclose()


class Nvidia(OpenAIChat):
    """NVIDIA's hosted models: `openai_chat` with its address, key and rate limit.

    Args:
        model: the model's name, such as `nvidia/...`.
        url: the service's address.
        sampling: as for `openai_chat`.
        response_format: as for `openai_chat`.
        body: as for `openai_chat`.
        messages: as for `openai_chat`.
        api_key_env: variable that holds the API key, which is required.
        transport: `aiohttp` or `httpx`.
        max_bytes: the largest body to read.
        images: as for `openai_chat`.
    """

    default_requests_per_minute: ClassVar[float | None] = 40.0
    _kind = "nvidia"

    def __init__(
        self,
        model: str,
        url: str = "https://integrate.api.nvidia.com/v1",
        sampling: Mapping[str, Any] | None = None,
        response_format: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        messages: MessagesMode = "auto",
        api_key_env: str = "NVIDIA_API_KEY",
        transport: TransportChoice = "aiohttp",
        max_bytes: int = MAX_BYTES,
        images: bool | Mapping[str, Any] = False,
    ) -> None:
        super().__init__(
            url=url,
            model=model,
            sampling=sampling,
            response_format=response_format,
            body=body,
            messages=messages,
            api_key_env=api_key_env,
            transport=transport,
            max_bytes=max_bytes,
            images=images,
        )


def _images(given: bool | Mapping[str, Any], who: str) -> tuple[str | None, ImageParts | None]:
    """Return the detail asked for and what makes parts of images; neither without images.

    Raises:
        ValueError: a limit is not allowed.
        MissingPackageError: Pillow is not installed.
    """
    if given is False:
        return None, None
    settings = {} if given is True else dict(given)
    detail = settings.pop("detail", None)
    if detail not in (None, "auto", "low", "high"):
        raise ValueError(f"images.detail is {detail!r}; allowed: auto, low, high")
    limits = ImageLimits.of(settings)
    needs_pillow(f"the provider {who!r} with images")
    from promptreg_providers.images.messages import ImageParts  # starts asyncio

    return detail, ImageParts(limits, detail)


def _answer(data: dict[str, Any]) -> tuple[str, str, dict[str, Any]]:
    """Return text, finish and extras of the first choice; tool calls are no text.

    Raises:
        CallError: `protocol`, when there is no message.
    """
    choices = data.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(choice, dict) or not isinstance(message, dict):
        raise CallError(
            Cause.PROTOCOL, "the body holds no 'choices[0].message'; is this a chat server?"
        )
    finish = _FINISH.get(str(choice.get("finish_reason")), "unknown")
    extra: dict[str, Any] = {}
    for source, key in (
        (message, "reasoning_content"),
        (message, "refusal"),
        (choice, "logprobs"),
        (data, "timings"),
        (data, "system_fingerprint"),
    ):
        if source.get(key):
            extra[key] = source[key]
    if "refusal" in extra and finish != "content_filter":
        finish = "refusal"
    content = message.get("content")
    if isinstance(content, list):  # parts, of which only text concerns us
        parts = [p.get("text") for p in content if isinstance(p, dict) and p.get("type") == "text"]
        content = "".join(part for part in parts if isinstance(part, str))
    if content is not None and not isinstance(content, str):
        raise CallError(
            Cause.PROTOCOL, f"'choices[0].message.content' is a {type(content).__name__}"
        )
    return content or "", finish, extra
