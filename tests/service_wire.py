"""A wire to a server that can be cut and mended, so that a database goes away and comes back."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

__all__ = ["Wire", "wire"]


class Wire:
    """Passes bytes on to a port of this machine while it is whole."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._held: list[socket.socket] = []
        self._whole = True
        self._listening = socket.socket()
        self._listening.bind(("127.0.0.1", 0))
        self._listening.listen(50)
        self.port = int(self._listening.getsockname()[1])
        threading.Thread(target=self._take, daemon=True).start()

    def cut(self) -> None:
        """End all connections and take no more."""
        self._whole = False
        for one in self._held:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self._held.clear()

    def mend(self) -> None:
        """Take connections again."""
        self._whole = True

    def close(self) -> None:
        """End for good."""
        self.cut()
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _take(self) -> None:
        while True:
            try:
                one, _ = self._listening.accept()
            except OSError:
                return
            if not self._whole:
                one.close()
                continue
            other = socket.create_connection(("127.0.0.1", self._target))
            self._held += [one, other]
            for pair in ((one, other), (other, one)):
                threading.Thread(target=_pass, args=pair, daemon=True).start()


def _pass(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
    for end in (source, target):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
    source.close()  # the other way's thread closes the other end


@contextmanager
def wire(target: int) -> Iterator[Wire]:
    """Give a wire to a port."""
    made = Wire(target)
    try:
        yield made
    finally:
        made.close()
