"""What a suite offers to its scorers: models that they may ask, and embeddings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from promptreg.records import Completion, Failure, Json

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


__all__ = ["Model", "Services"]


class Model(Protocol):
    """A model that a scorer asks; how it is reached, retried, paid and kept is not its business."""

    async def identity(self) -> Mapping[str, Json]:
        """Return everything but the prompt and the repeat that shapes an answer, without secrets.

        Provider, endpoint, model, sampling, and what the server says of itself.

        Raises:
            ProviderError: it is not ready, and nothing is known of it.
        """
        ...

    async def ask(self, prompt: str, repeat: int = 0) -> Completion | Failure:
        """Return the completion, or why there is none.

        What was answered once is read from the run store. Never raises for a call.

        Args:
            prompt: exactly what is sent; a provider of chats splits ChatML into messages.
            repeat: from 0; another number asks anew, with another seed where one is given.
        """
        ...


class Services(Protocol):
    """What a `BatchScorer` may use of the world outside."""

    def model(
        self,
        provider: Mapping[str, Any],
        *,
        schema: Mapping[str, Json] | None = None,
        sampling: Mapping[str, Json] | None = None,
    ) -> Model:
        """Return the model behind settings; the same settings give the same object.

        Args:
            provider: as the section `provider` of a suite: `use`, the provider's own settings,
                `concurrency`, `retries`, `timeout`, `prices`, ...
            schema: JSON schema that answers are held to, where the provider can do that
                (`json_schema` or `response_format` among its settings) and the settings do not
                say otherwise.
            sampling: what the settings leave open, where the provider takes `sampling`.

        Raises:
            SuiteError, PluginError: the settings are wrong; the message names the key.
        """
        ...

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one vector of length 1 per text, shape (texts, dimensions); kept by text.

        Raises:
            SuiteError, PluginError: the suite names no embedder, or it cannot be made.
        """
        ...

    async def embedder(self) -> Mapping[str, Json]:
        """Return what shapes the vectors: part of the identity of a scorer that embeds.

        Raises:
            SuiteError, PluginError: as `embed`.
        """
        ...
