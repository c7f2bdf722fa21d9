"""Data Designer's client for OpenAI-compatible servers, with a ledger.

This is the one place that reaches into Data Designer: it offers no other way to know which row a
request is for, to give each row its own schema and seed, or to stop before a budget is passed.
Every attempt comes through here, corrections and retries included.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from data_designer.engine.context import current_row_group
from data_designer.engine.models.clients import factory
from data_designer.engine.models.clients.adapters.openai_compatible import OpenAICompatibleClient
from data_designer.engine.models.clients.errors import ProviderError
from data_designer.engine.models.clients.types import (
    AssistantMessage,
    ChatCompletionRequest,
    ChatCompletionResponse,
    Usage,
)

from promptreg_plugins.generators.data_designer.worker.ledger import Ledger

__all__ = ["MARK", "install"]

MARK = "promptreg_cell"
"""The key under which a model's `extra_body` says which column it is for; it is never sent."""
_WAIT_S = 0.05


def install(ledger: Ledger) -> None:
    """Have every client that Data Designer makes from now on use the ledger."""

    class Asking(OpenAICompatibleClient):  # type: ignore[misc,unused-ignore]
        async def acompletion(self, request: ChatCompletionRequest) -> ChatCompletionResponse:
            prepared, key, slot, column = _prepared(ledger, request)
            answer = ledger.kept(key, slot, column)
            if answer is not None:
                return _response(answer)
            while not ledger.admit():  # noqa: ASYNC110 - it ends with the process
                await asyncio.sleep(_WAIT_S)
            try:
                response = await super().acompletion(prepared)
            except ProviderError as e:
                ledger.failed(e.kind.value, str(e.message))
                raise
            except BaseException:
                ledger.failed("", "")  # cancelled, or an answer that is none
                raise
            ledger.answered(key, slot, column, _facts(response))
            return response

        def completion(self, request: ChatCompletionRequest) -> ChatCompletionResponse:
            raise RuntimeError("Data Designer was to ask asynchronously")

    factory.OpenAICompatibleClient = Asking  # type: ignore[misc,unused-ignore]


def _prepared(
    ledger: Ledger, request: ChatCompletionRequest
) -> tuple[ChatCompletionRequest, str, str, str]:
    """Return the request as it is to be sent, its key, and the row and column it is for."""
    extra = dict(request.extra_body or {})
    mark = extra.pop(MARK)
    column, how = mark["column"], mark["how"]
    group = current_row_group.get()
    row = ledger.row(group[0] if group else 0)
    schema = row["schemas"].get(column, mark["schema"])
    if schema is not None and how == "response_format":
        extra["response_format"] = {
            "type": "json_schema",
            "json_schema": {"name": column, "strict": True, "schema": schema},
        }
    elif schema is not None and how == "guided_json":
        extra["nvext"] = {"guided_json": schema}
    facts: list[Any] = [request.model, request.messages, request.temperature, request.top_p]
    key, seed = ledger.place(row["slot"], column, row["seed"], [*facts, request.max_tokens, extra])
    extra["seed"] = seed
    return replace(request, extra_body=extra), key, row["slot"], column


def _facts(response: ChatCompletionResponse) -> dict[str, Any]:
    usage = response.usage or Usage()
    finish = response.choices[0].finish_reason if response.choices else None
    return {
        "content": response.message.content,
        "reasoning": response.message.reasoning_content,
        "tokens_in": usage.input_tokens or 0,
        "tokens_out": usage.output_tokens or 0,
        "cut": finish == "length",
    }


def _response(answer: dict[str, Any]) -> ChatCompletionResponse:
    message = AssistantMessage(content=answer["content"], reasoning_content=answer["reasoning"])
    spent = answer["tokens_in"], answer["tokens_out"]
    return ChatCompletionResponse(message, Usage(*spent, sum(spent)))
