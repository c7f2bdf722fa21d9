"""Moves bytes over HTTP with limits on time and size; two implementations behind one protocol."""

from __future__ import annotations

from promptreg_providers.transport.base import MAX_BYTES, Reply, Transport

__all__ = ["MAX_BYTES", "Reply", "Transport"]
