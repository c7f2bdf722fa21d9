"""The models that write: read from the settings, and found to be there before anything is asked."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from promptreg.errors import ProviderError, SuiteError, did_you_mean
from promptreg.records import Json

__all__ = ["Model", "probe", "read_models"]

_PROVIDERS = ("llama_cpp", "nvidia", "openai")
_NVIDIA = "https://integrate.api.nvidia.com/v1"
_HOW = ("response_format", "guided_json", "none")
_KEYS = (
    "provider",
    "url",
    "model",
    "api_key_env",
    "sampling",
    "schema",
    "extra_body",
    "prices",
    "file_sha256",
)
_SAMPLING = {"temperature": (0.0, 2.0), "top_p": (0.0, 1.0), "max_tokens": (1, 100_000)}
_PRICES = ("input", "output")
_VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_PROBE_S = 10.0


@dataclass(frozen=True, slots=True)
class Model:
    """A model under an alias.

    Attributes:
        alias: what columns call it.
        provider: `llama_cpp`, `nvidia` or `openai` (any server of that protocol).
        endpoint: up to and with `/v1`.
        model: its name there.
        key: the environment variable with its key; empty for none.
        sampling: temperature, top_p, max_tokens.
        how: how a schema is sent with a request: `response_format`, `guided_json` or `none`.
        extra_body: further keys of each request.
        prices: for a million tokens, `input` and `output`; None: not known.
        file_sha256: of the model's file, where it is known; goes into the manifest.
    """

    alias: str
    provider: str
    endpoint: str
    model: str
    key: str
    sampling: Mapping[str, float]
    how: str
    extra_body: Mapping[str, Any]
    prices: tuple[float, float] | None
    file_sha256: str

    def identity(self) -> dict[str, Json]:
        """Return what shapes its answers; where it is served does not."""
        facts: dict[str, Json] = {
            "provider": self.provider,
            "model": self.model,
            "sampling": dict(self.sampling),
            "schema": self.how,
        }
        if self.extra_body:
            facts["extra_body"] = dict(self.extra_body)
        if self.file_sha256:
            facts["file_sha256"] = self.file_sha256
        return facts

    def cost(self, tokens_in: float, tokens_out: float) -> float:
        """Return what so many tokens cost; 0 where no prices are given."""
        price_in, price_out = self.prices or (0.0, 0.0)
        return (tokens_in * price_in + tokens_out * price_out) / 1e6


def read_models(given: Mapping[str, Any]) -> dict[str, Model]:
    """Return the models by alias.

    Raises:
        SuiteError: an entry is malformed; names the key and what is allowed.
    """
    if not given:
        raise SuiteError(
            "models: name at least one, such as models: {writer: {provider: llama_cpp, url: "
            "http://127.0.0.1:8091, model: NAME}}"
        )
    return {alias: _model(alias, entry) for alias, entry in given.items()}


def _model(alias: Any, entry: Any) -> Model:
    where = f"models.{alias}"
    if not isinstance(alias, str) or not _NAME.match(alias):
        raise SuiteError(f"{where}: an alias is letters, digits and '_', a letter first")
    if not isinstance(entry, Mapping):
        raise SuiteError(f"{where}: must be a mapping, found {entry!r:.60}")
    for key in entry:
        if key not in _KEYS:
            raise SuiteError(
                f"{where}: unknown key {key!r}{did_you_mean(str(key), _KEYS)}; "
                f"allowed: {', '.join(_KEYS)}"
            )
    provider = entry.get("provider")
    if provider not in _PROVIDERS:
        raise SuiteError(
            f"{where}.provider: found {provider!r:.60}; allowed: {', '.join(_PROVIDERS)}"
        )
    nvidia = provider == "nvidia"
    how = entry.get("schema", "guided_json" if nvidia else "response_format")
    if how not in _HOW:
        raise SuiteError(f"{where}.schema: found {how!r:.60}; allowed: {', '.join(_HOW)}")
    key = entry.get("api_key_env", "NVIDIA_API_KEY" if nvidia else "")
    if not isinstance(key, str) or (key and not _NAME.match(key)):
        raise SuiteError(
            f"{where}.api_key_env: must be the name of an environment variable; the key itself "
            "belongs in the environment"
        )
    extra = entry.get("extra_body", {})
    if not isinstance(extra, Mapping):
        raise SuiteError(f"{where}.extra_body: must be a mapping, found {extra!r:.60}")
    sha256 = entry.get("file_sha256", "")
    if sha256 and not re.fullmatch(r"[0-9a-f]{64}", str(sha256)):
        raise SuiteError(f"{where}.file_sha256: must be 64 hex digits, found {sha256!r:.80}")
    return Model(
        alias=alias,
        provider=provider,
        endpoint=_endpoint(entry.get("url", _NVIDIA if nvidia else None), f"{where}.url"),
        model=_text(entry.get("model"), f"{where}.model"),
        key=key,
        sampling=_numbers(entry.get("sampling", {}), _SAMPLING, f"{where}.sampling"),
        how=how,
        extra_body=dict(extra),
        prices=_prices(entry.get("prices"), f"{where}.prices"),
        file_sha256=str(sha256),
    )


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise SuiteError(f"{where}: must be a text, found {value!r:.60}")
    return value


def _endpoint(value: Any, where: str) -> str:
    url = _VARIABLE.sub(lambda m: _environment(where, m), _text(value, where)).rstrip("/")
    try:
        parts = urlsplit(url)
        problem = parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0
    except ValueError:
        problem = True
    if problem:
        raise SuiteError(f"{where}: {url!r:.80} is no http address")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise SuiteError(
            f"{where}: it holds a user, a password or a query; keys belong in the environment "
            "(api_key_env)"
        )
    return url if re.search(r"/v\d+$", parts.path) else f"{url}/v1"


def _environment(where: str, match: re.Match[str]) -> str:
    found = os.environ.get(match[1], match[2])
    if found is None:
        raise SuiteError(f"{where} uses ${{{match[1]}}}, which is not set")
    return found


def _numbers(
    given: Any, allowed: Mapping[str, tuple[float, float]], where: str
) -> dict[str, float]:
    if not isinstance(given, Mapping):
        raise SuiteError(f"{where}: must be a mapping, found {given!r:.60}")
    made: dict[str, float] = {}
    for key, value in given.items():
        if key not in allowed:
            raise SuiteError(
                f"{where}: unknown key {key!r}{did_you_mean(str(key), allowed)}; "
                f"allowed: {', '.join(allowed)} (each request has a seed of its own)"
            )
        low, high = allowed[key]
        kind = int if key == "max_tokens" else (int, float)
        if not isinstance(value, kind) or isinstance(value, bool) or not low <= value <= high:
            raise SuiteError(f"{where}.{key}: found {value!r:.60}; allowed: {low:g} to {high:g}")
        made[key] = value
    return made


def _prices(given: Any, where: str) -> tuple[float, float] | None:
    if given is None:
        return None
    if not isinstance(given, Mapping) or set(given) != set(_PRICES):
        raise SuiteError(f"{where}: must be {{input: X, output: Y}}, for a million tokens")
    found = []
    for key in _PRICES:
        value = given[key]
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value < 1e6:
            raise SuiteError(f"{where}.{key}: found {value!r:.60}; allowed: 0 to a million")
        found.append(float(value))
    return found[0], found[1]


def probe(models: Mapping[str, Model]) -> None:
    """Find every endpoint there, once each, with the key it needs; nothing is generated.

    Raises:
        ProviderError: a key is missing, or an endpoint does not answer or refuses.
    """
    import httpx

    for model in models.values():
        if model.key and not os.environ.get(model.key, "").strip():
            raise ProviderError(
                f"models.{model.alias}: the environment variable {model.key} is not set; the API "
                "key belongs in it"
            )
    for endpoint, key in {m.endpoint: m.key for m in models.values()}.items():
        headers = {"Authorization": f"Bearer {os.environ[key].strip()}"} if key else {}
        try:
            status = httpx.get(f"{endpoint}/models", headers=headers, timeout=_PROBE_S).status_code
        except (httpx.HTTPError, ValueError, OSError) as e:
            # The text of some errors quotes what was sent; the kind of error says enough.
            raise ProviderError(
                f"no model answers at {endpoint} ({type(e).__name__}); is the server running?"
            ) from None
        if status in (401, 403):
            raise ProviderError(
                f"{endpoint} refuses the key in {key or 'no variable: name it as api_key_env'} "
                f"(HTTP {status})"
            )
        if status in (502, 503, 504):
            raise ProviderError(f"{endpoint} is not ready (HTTP {status}); try again in a moment")
