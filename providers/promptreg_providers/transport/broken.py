"""What both transports say of a request that failed: one class, one sentence for each way."""

from __future__ import annotations

import os

from promptreg.errors import CallError
from promptreg.records import Cause

__all__ = [
    "certificate_refused",
    "connection_broke",
    "no_connection",
    "no_http",
    "not_asked",
    "not_connected_within",
    "silent_for",
    "too_large",
]


def too_large(max_bytes: int) -> CallError:
    """Return the error for a body beyond the limit."""
    return CallError(Cause.TOO_LARGE, f"the body is larger than {max_bytes:,} bytes")


def certificate_refused(host: str, why: str) -> CallError:
    """Return the error for a certificate that does not verify; trying again does not mend it."""
    return CallError(Cause.CONNECT, f"the TLS certificate of {host} is refused: {why}")


def not_connected_within(host: str, connect_s: float) -> CallError:
    """Return the error for a connection that did not come in time."""
    return CallError(
        Cause.CONNECT, f"no connection to {host} within {connect_s:g} s", retryable=True
    )


def silent_for(host: str, read_s: float) -> CallError:
    """Return the error for a server that took the request and sent nothing for too long."""
    return CallError(Cause.TIMEOUT, f"{host} sent nothing for {read_s:g} s", retryable=True)


def no_connection(host: str, number: int | None, error: BaseException | None) -> CallError:
    """Return the error for a connection that the system refused, with its error number if known."""
    why = os.strerror(number) if number and number > 0 else type(error).__name__
    return CallError(Cause.CONNECT, f"no connection to {host}: {why}", retryable=True)


def no_http(host: str) -> CallError:
    """Return the error for bytes that are no HTTP."""
    return CallError(Cause.PROTOCOL, f"{host} does not speak HTTP as it should")


def connection_broke(host: str) -> CallError:
    """Return the error for a connection that ended in the middle."""
    return CallError(
        Cause.NETWORK, f"{host} broke the connection before the answer was whole", retryable=True
    )


def not_asked(host: str, error: BaseException) -> CallError:
    """Return the error for a request that the library would not send."""
    return CallError(Cause.PROTOCOL, f"{host} cannot be asked: {type(error).__name__}")
