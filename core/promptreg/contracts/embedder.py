"""The contract of embedders."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from promptreg.contracts.values import json_problems, one_line, secret_problems, shown
from promptreg.protocols import Embedder

__all__ = ["check_embedder", "check_identity", "check_same_vectors", "check_vectors"]

TEXTS = (
    "A courier leaves a package at the front door.",
    "two persons kick the back door until it breaks",
    "x",
    "ein Fuchs läuft nachts um den Hühnerstall \u2026 \U0001f98a",
    "a long line about a driveway " * 400,
    "0.5",
)
_LENGTH = 1e-3
_ROUNDING = 1e-2
"""How far a vector may move with its batch: padding and quantised weights round differently."""


def check_embedder(embedder: Embedder) -> list[str]:
    """Return what an embedder does wrong, one line each; empty if it keeps the contract."""
    problems = check_identity(embedder) + check_vectors(embedder)
    return problems or check_same_vectors(embedder)


def check_identity(embedder: Embedder) -> list[str]:
    """Check that `identity()` is JSON, the same twice, and without secrets."""
    try:
        first, second = embedder.identity(), embedder.identity()
    except Exception as e:  # noqa: BLE001 - a stranger's code may raise anything
        return [f"identity() raised {one_line(e)}"]
    problems = list(json_problems(dict(first), "identity()"))
    problems += list(secret_problems(dict(first), "identity()"))
    if first != second:
        problems.append(f"identity() is {shown(first)}, and then {shown(second)}")
    return problems


def check_vectors(embedder: Embedder) -> list[str]:
    """Check shape, finiteness and length of the vectors of odd texts."""
    found, problems = _embedded(embedder, list(TEXTS))
    if problems:
        return problems
    if found.ndim != 2 or len(found) != len(TEXTS):
        return [f"embed() of {len(TEXTS)} texts has shape {found.shape}; allowed: (texts, d)"]
    if not np.isfinite(found).all():
        return ["embed() returned a number that is not finite"]
    length = np.sqrt((found.astype(np.float64) ** 2).sum(axis=1))
    worst = float(length[np.argmax(np.abs(length - 1))])
    return [] if abs(worst - 1) <= _LENGTH else [f"a vector has length {worst:g}; allowed: 1"]


def check_same_vectors(embedder: Embedder) -> list[str]:
    """Check that a text's vector does not depend on its batch."""
    together, problems = _embedded(embedder, list(TEXTS))
    backwards, more = _embedded(embedder, list(reversed(TEXTS)))
    alone, last = _embedded(embedder, [TEXTS[0]])
    problems += more + last
    if problems:
        return problems
    apart = max(
        float(np.abs(together - backwards[::-1]).max()), float(np.abs(together[0] - alone[0]).max())
    )
    if apart > _ROUNDING:
        return [f"the same text got vectors that differ by {apart:.3g} in other company"]
    return []


def _embedded(embedder: Embedder, texts: list[str]) -> tuple[NDArray[Any], list[str]]:
    try:
        return np.asarray(embedder.embed(texts), dtype=np.float32), []
    except Exception as e:  # noqa: BLE001 - a stranger's code may raise anything
        return np.empty((0, 0)), [f"embed() raised {one_line(e)}"]
