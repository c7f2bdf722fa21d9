"""What scorers that need something from outside are given, and when they are asked."""

from promptreg.pipeline.services.batches import Batches
from promptreg.pipeline.services.suite_services import SuiteServices

__all__ = ["Batches", "SuiteServices"]
