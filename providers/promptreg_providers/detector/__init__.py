"""The provider `detector`: finds things in images with a detector that runs here."""

from __future__ import annotations

from promptreg_providers.detector.provider import Detector

__all__ = ["Detector"]
