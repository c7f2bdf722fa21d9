"""Error statuses as typed errors, with what the server said about them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from promptreg.errors import CallError
from promptreg.records import Cause
from promptreg_providers.transport.base import Reply
from promptreg_providers.transport.retry_after import retry_after_s

__all__ = ["error_of", "quote"]

_RETRYABLE = frozenset({408, 409, 425, 429})
_QUOTED = 200
_QUOTA = frozenset({"insufficient_quota", "quota_exceeded", "billing_hard_limit_reached"})
_FILTERED = frozenset({"content_filter", "content_policy_violation"})


def error_of(reply: Reply, redact: Callable[[str], str], key_variable: str) -> CallError:
    """Return the typed error of a response whose status is not 2xx.

    Args:
        reply: the response.
        redact: takes secrets out of text.
        key_variable: environment variable of the API key, named when access is refused.
    """
    status = reply.status
    said, kind, facts = _said(reply)
    said = quote(redact(said))
    asked = retry_after_s(reply.headers) if status in (429, 503) or status >= 500 else None
    retryable = status in _RETRYABLE or (status >= 500 and status != 501)
    cause = Cause.HTTP_STATUS
    text = f"HTTP {status}" + (f": {said}" if said else "")
    if 300 <= status < 400:
        place = quote(redact(_place(reply.headers.get("Location", ""))))
        text = f"HTTP {status}: redirected to {place}; redirects are not followed"
    elif status in (401, 403):
        hint = f"check the key in {key_variable}" if key_variable else "name one by 'api_key_env'"
        text += f" ({hint})"
    elif status == 404:
        text += " (check 'url', 'endpoint' and 'model')"
    elif kind in _QUOTA:
        retryable, asked = False, None
        text += " (the quota is used up)"
    elif kind in _FILTERED:
        cause, retryable = Cause.REFUSED, False
    elif kind == "exceed_context_size_error":
        prompt, context = facts.get("n_prompt_tokens"), facts.get("n_ctx")
        if isinstance(prompt, int) and isinstance(context, int):
            text = (
                f"HTTP {status}: the prompt has {prompt} tokens, a slot of the server holds "
                f"{context}; start the server with a larger context or fewer slots"
            )
    return CallError(cause, text, retryable=retryable, retry_after_s=asked, status=status)


def quote(text: str, limit: int = _QUOTED) -> str:
    """Return text of somebody else as one printable line of bounded length."""
    line = " ".join(text[: 4 * limit].split())
    line = "".join(c if c.isprintable() else "?" for c in line)
    return line if len(line) <= limit else line[: limit - 3] + "..."


def _place(location: str) -> str:
    """Return scheme and host of where a redirect leads."""
    try:
        target = urlsplit(location)
    except ValueError:
        return "elsewhere"
    return f"{target.scheme}://{target.hostname}" if target.hostname else "elsewhere"


def _said(reply: Reply) -> tuple[str, str, dict[str, Any]]:
    """Return the server's message, its name for the error, and further facts."""
    body = reply.body[:20_000].decode("utf-8", "replace")
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        if "html" in reply.headers.get("Content-Type", "").lower() or body.lstrip()[:1] == "<":
            return "(an HTML page)", "", {}
        return body, "", {}
    if isinstance(data, dict):
        error = data.get("error", data)
        if isinstance(error, dict):
            said = error.get("message") or error.get("detail") or ""
            kinds = [error.get("code"), error.get("type")]
            kind = next((k for k in kinds if isinstance(k, str)), "")
            if error.get("type") in _QUOTA | _FILTERED:
                kind = error["type"]
            return said if isinstance(said, str) else json.dumps(said), kind, error
        if isinstance(error, str):
            return error, "", {}
    return body, "", {}
