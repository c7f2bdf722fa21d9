"""Completions that were recorded elsewhere: production logs, shadow runs, other tools' output."""

from __future__ import annotations

from promptreg_providers.recorded.provider import Recorded

__all__ = ["Recorded"]
