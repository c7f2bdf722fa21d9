"""Built-in providers of promptreg, registered through the same entry points as a stranger's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from promptreg import hookimpl

if TYPE_CHECKING:
    from promptreg import Provider
    from promptreg.registry import Catalog


@hookimpl
def promptreg_register_providers(catalog: Catalog[Provider]) -> None:
    """Add the built-in providers; HTTP libraries are imported with the first call."""
    from promptreg_providers.detector import Detector
    from promptreg_providers.llama_cpp import LlamaCpp
    from promptreg_providers.openai_chat import Nvidia, OpenAIChat
    from promptreg_providers.recorded import Recorded
    from promptreg_providers.scripted import Scripted

    catalog.add("detector", Detector)
    catalog.add("llama_cpp", LlamaCpp)
    catalog.add("openai_chat", OpenAIChat)
    catalog.add("nvidia", Nvidia)
    catalog.add("recorded", Recorded)
    catalog.add("scripted", Scripted)
