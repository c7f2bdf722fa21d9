"""Production logs in: shadow runs (both versions on an event) and A/B tests (one of them)."""

from promptreg.pipeline.logs.run import Wish, import_log

__all__ = ["Wish", "import_log"]
