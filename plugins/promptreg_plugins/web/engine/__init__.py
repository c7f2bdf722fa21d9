"""The service itself: what is asked through `Service`, done with suites, stores and jobs."""

from promptreg_plugins.web.engine.engine import Engine

__all__ = ["Engine"]
