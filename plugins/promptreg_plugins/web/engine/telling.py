"""Errors of promptreg as refusals of the service, and values as plain JSON."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from promptreg.errors import DataError, PromptregError, StoreError, SuiteError, UsageError
from promptreg_plugins.web.problems import ConflictError, NotFoundError, UnavailableError

__all__ = ["plain", "told"]

_DEPTH = 20


@contextmanager
def told() -> Iterator[None]:
    """Turn errors of promptreg into refusals.

    Raises:
        ConflictError: the suite, its scenarios or templates cannot be read as they are now.
        UnavailableError: the run store does not answer.
        NotFoundError: nothing is called so.
    """
    try:
        yield
    except (SuiteError, DataError) as e:
        raise ConflictError(str(e)) from e
    except StoreError as e:
        raise UnavailableError(str(e)) from e
    except UsageError as e:
        raise NotFoundError(str(e)) from e
    except PromptregError as e:
        raise ConflictError(str(e)) from e
    except OSError as e:
        raise UnavailableError(f"{e.strerror or e}") from e


def plain(value: Any, depth: int = 0) -> Any:
    """Return a value as JSON has it; what JSON does not know, as text."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if depth >= _DEPTH:
        return str(value)[:200]
    if isinstance(value, Mapping):
        return {str(k): plain(v, depth + 1) for k, v in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, (bytes, bytearray)):
        return [plain(v, depth + 1) for v in value]
    return str(value)
