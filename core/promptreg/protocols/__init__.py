"""What a plug-in must be able to do.

Each protocol may be subclassed (the optional methods then come with their defaults) or merely
matched. Behaviour is called through these types; pluggy only registers factories.
"""

from __future__ import annotations

from promptreg.protocols.embedder import Embedder
from promptreg.protocols.generator import Generated, GenerationPlan, GenerationRequest, Generator
from promptreg.protocols.history import History
from promptreg.protocols.provider import Call, Probe, Provider
from promptreg.protocols.reporter import Reporter
from promptreg.protocols.scorer import BatchScorer, Pair, PairScorer, Scorer
from promptreg.protocols.services import Model, Services

__all__ = [
    "BatchScorer",
    "Call",
    "Embedder",
    "Generated",
    "GenerationPlan",
    "GenerationRequest",
    "Generator",
    "History",
    "Model",
    "Pair",
    "PairScorer",
    "Probe",
    "Provider",
    "Reporter",
    "Scorer",
    "Services",
]
