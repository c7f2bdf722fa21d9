"""What scorers may use of the world outside, for one suite and one event loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from promptreg.errors import BudgetError, PromptregError, ProviderError
from promptreg.pipeline.keys import canonical
from promptreg.pipeline.parts import model_parts
from promptreg.pipeline.project import Options, Project
from promptreg.pipeline.services.asked_model import AskedModel
from promptreg.records import Json
from promptreg.stages.call import Budget, Spent, StopKind
from promptreg.stages.score import Scoring
from promptreg.store.calls import CallStore
from promptreg.verdicts import JudgeCalls

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from promptreg.protocols import Embedder

__all__ = ["SuiteServices"]


class SuiteServices:
    """Implements `promptreg.protocols.Services`; to be made inside the event loop it works in.

    Args:
        project: the opened suite.
        options: whether stored answers are used.
        budget: the most that may be spent, generation included.
        spent: what was spent so far; counted on.
        store: returns the call store where it is open already; else it is opened when needed.
    """

    def __init__(
        self,
        project: Project,
        options: Options,
        budget: Budget | None = None,
        spent: Spent | None = None,
        store: Callable[[], CallStore | None] = lambda: None,
    ) -> None:
        self._project = project
        self._budget = budget
        self._spent = Spent() if spent is None else spent
        self._given = store
        self._own: CallStore | None = None
        self._nonce = "" if options.cache else f"{time.time_ns():x}"
        self._models: dict[str, AskedModel] = {}
        self._embedder: Embedder | None = None
        self._embedding = asyncio.Lock()

    def model(
        self,
        provider: Mapping[str, Any],
        *,
        schema: Mapping[str, Json] | None = None,
        sampling: Mapping[str, Json] | None = None,
    ) -> AskedModel:
        """Return the model behind settings; the same settings give the same object.

        Raises:
            SuiteError, PluginError: the settings are wrong.
        """
        name = canonical([dict(part) if part else None for part in (provider, schema, sampling)])
        if name not in self._models:
            entry, made = model_parts(self._project, provider, schema, sampling)
            self._models[name] = AskedModel(
                self._project, entry, made, self._store, self._budget, self._spent, self._nonce
            )
        return self._models[name]

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one vector of length 1 per text, shape (texts, dimensions)."""
        from promptreg.pipeline.embed import embed  # numpy: not at start-up

        async with self._embedding:  # one at a time: it is computing, not waiting
            made = self._made_embedder()
            return await asyncio.to_thread(embed, self._project, texts, made)

    async def embedder(self) -> Mapping[str, Json]:
        """Return what shapes the vectors."""
        made = self._made_embedder()
        entry = self._project.suite.embedder
        return {"use": entry.use if entry else "", "identity": dict(made.identity())}

    async def identities(self, scoring: Scoring) -> dict[int, Mapping[str, Json]]:
        """Return what batched scorers say shapes their scores, by their number.

        Raises:
            PromptregError: what a scorer needs cannot be had.
        """
        found: dict[int, Mapping[str, Json]] = {}
        for at in scoring.batched:
            identity = getattr(scoring.plan(at).scorer, "identity", None)
            if callable(identity) and not scoring.plan(at).effective:
                found[at] = dict(await identity(self))
        return found

    @property
    def synthetic(self) -> bool:
        """Whether answers of some model are made up."""
        return any(model.synthetic for model in self._models.values())

    @property
    def stopped(self) -> PromptregError | None:
        """Why no more calls are made, as an error to raise; None while they are."""
        for model in self._models.values():
            stop = model.stopped
            if stop is not None and stop.kind is not StopKind.ASKED:
                told = f"stopped: {model.name}: {stop.reason}; what was answered is kept; the same "
                told += "command goes on from there"
                kind = BudgetError if stop.kind is StopKind.BUDGET else ProviderError
                return kind(told)
        return None

    @property
    def warnings(self) -> list[str]:
        """What a reader must know."""
        return [model.warning for model in self._models.values() if model.warning]

    @property
    def calls(self) -> JudgeCalls:
        """What was asked of all models; a shared answer counts as one from the store."""
        tallies = [model.tally for model in self._models.values()]
        return sum(
            (JudgeCalls(t.cached, t.called, t.prompt_tokens, t.completion_tokens) for t in tallies),
            JudgeCalls(),
        )

    @property
    def cost(self) -> float | None:
        """What the calls cost; None where no price is known."""
        costs = (model.tally.cost for model in self._models.values())
        known = [cost for cost in costs if cost is not None]
        return sum(known) if known else None

    def stop(self, reason: str) -> None:
        """Make no more calls."""
        for model in self._models.values():
            model.stop(reason)

    async def aclose(self) -> None:
        """Release connections and the store, if it is this object's own."""
        for model in self._models.values():
            await model.aclose()
        own, self._own = self._own, None
        if own is not None:
            own.close()

    def _store(self) -> CallStore:
        given = self._given()
        if given is not None:
            return given
        if self._own is None:
            self._own = CallStore.open(self._project.store)
        return self._own

    def _made_embedder(self) -> Embedder:
        from promptreg.pipeline.embed import make_embedder

        if self._embedder is None:
            self._embedder = make_embedder(self._project)
        return self._embedder
