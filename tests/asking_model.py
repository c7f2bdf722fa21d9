"""Short ways to ask the real server through promptreg's own providers."""

from __future__ import annotations

from contextlib import aclosing
from typing import Any

from promptreg import Call, Completion, Prompt
from promptreg_providers.llama_cpp import LlamaCpp
from promptreg_providers.openai_chat import OpenAIChat

__all__ = ["MODEL", "ask", "call", "chatml"]

MODEL = "SmolLM2-135M-Instruct.Q4_1.gguf"


def chatml(text: str, system: str = "Be brief.") -> str:
    """Return a prompt as production sends it: raw ChatML, the assistant's turn left open."""
    return (
        f"<|im_start|>system\n{system}<|im_end|>\n<|im_start|>user\n{text}<|im_end|>\n"
        "<|im_start|>assistant\n"
    )


def call(text: str, **given: Any) -> Call:
    """Return a call for a user's words."""
    return Call(Prompt(chatml(text)), **given)


async def ask(provider: LlamaCpp | OpenAIChat, *calls: Call) -> list[Completion]:
    """Return the completions of calls made one after the other; the provider is closed then."""
    async with aclosing(provider):
        await provider.probe()
        return [await provider.complete(one) for one in calls]
