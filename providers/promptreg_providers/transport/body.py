"""Reads a body under a limit on its decompressed size."""

from __future__ import annotations

import zlib

from promptreg.errors import CallError
from promptreg.records import Cause
from promptreg_providers.transport.broken import too_large

__all__ = ["ACCEPT_ENCODING", "BodyReader"]

ACCEPT_ENCODING = "gzip, identity"


class BodyReader:
    """Collects chunks, decompressing them, until the limit.

    Args:
        encoding: the header `Content-Encoding`; empty for none.
        declared: the header `Content-Length`; None when absent.
        max_bytes: most bytes, compressed and decompressed.

    Raises:
        CallError: `too_large` as soon as the size is known; `protocol` for other encodings.
    """

    def __init__(self, encoding: str, declared: str | None, max_bytes: int) -> None:
        self._max = max_bytes
        self._size = 0
        self._chunks: list[bytes] = []
        self._inflate: zlib._Decompress | None = None
        if declared is not None and declared.isdecimal() and int(declared[:19]) > max_bytes:
            raise too_large(max_bytes)
        name = encoding.strip().lower()
        if name in ("gzip", "x-gzip"):
            self._inflate = zlib.decompressobj(wbits=31)
        elif name == "deflate":
            self._inflate = zlib.decompressobj()
        elif name not in ("", "identity"):
            raise CallError(
                Cause.PROTOCOL,
                f"the body is encoded as {name[:40]!r}, which was not asked for; "
                f"asked for: {ACCEPT_ENCODING}",
            )

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes as received.

        Raises:
            CallError: `too_large` or, for broken compression, `protocol`.
        """
        if self._inflate is not None:
            try:
                chunk = self._inflate.decompress(chunk, self._max - self._size + 1)
            except zlib.error as e:
                raise CallError(Cause.PROTOCOL, f"the compressed body is broken: {e}") from e
        self._size += len(chunk)
        if self._size > self._max:
            raise too_large(self._max)
        self._chunks.append(chunk)

    def finish(self) -> bytes:
        """Return the whole body.

        Raises:
            CallError: `protocol` when the compressed body ends too early.
        """
        if self._inflate is not None and self._size and not self._inflate.eof:
            raise CallError(Cause.PROTOCOL, "the compressed body ends in the middle")
        return self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
