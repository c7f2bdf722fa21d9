"""What a server is called in keys and fingerprints."""

from __future__ import annotations

import pytest

from promptreg_providers.llama_cpp import LlamaCpp
from promptreg_providers.openai_chat import OpenAIChat

HERE, THERE = "http://127.0.0.1:8091", "http://10.0.0.7:9000"


def test_an_endpoint_id_stands_for_the_address() -> None:
    assert LlamaCpp(HERE).identity() != LlamaCpp(THERE).identity()
    named = LlamaCpp(HERE, endpoint_id="porch").identity()
    assert named == LlamaCpp(THERE, endpoint_id="porch").identity()
    assert named["endpoint"] == "porch/completion"
    assert named != LlamaCpp(HERE, "v1/completions", endpoint_id="porch").identity()


def test_an_endpoint_id_stands_for_the_address_of_a_chat_server() -> None:
    here = OpenAIChat(HERE, "m", endpoint_id="porch").identity()
    assert here == OpenAIChat(THERE, "m", endpoint_id="porch").identity()
    assert here != OpenAIChat(THERE, "other", endpoint_id="porch").identity()


@pytest.mark.parametrize("name", ["", " ", "a b", "x" * 65, "http://host", "tab\t"])
def test_an_endpoint_id_is_a_plain_name(name: str) -> None:
    with pytest.raises(ValueError, match="endpoint_id: found"):
        LlamaCpp(HERE, endpoint_id=name)
