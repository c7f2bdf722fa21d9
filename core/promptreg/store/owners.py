"""Who owns a claim, and whether that process is still there.

A claim must end with its process, and must not end because somebody set the clock. Heartbeats are
therefore told by the monotonic clock of the machine, not by the time of day: on one boot it is the
same for all processes, it never jumps, and it stands still while the machine sleeps. The boot id
tells readings of different boots apart. This is enough, because the write-ahead log of SQLite
works for the processes of one machine only.
"""

from __future__ import annotations

import os
import socket
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

__all__ = ["Owner", "alive", "started"]


@dataclass(frozen=True, slots=True)
class Owner:
    """A process that works on a store.

    Attributes:
        id: its number in the store.
        host: machine and process namespace in which `pid` has its meaning.
        boot: the boot of the machine; empty where it has no name.
        pid: process number.
        started: when the process started, as the kernel says it; empty where it does not.
        heartbeat: monotonic seconds at the last sign of life.
    """

    id: int
    host: str
    boot: str
    pid: int
    started: str
    heartbeat: float

    @classmethod
    def here(cls) -> Owner:
        """Return this process, not yet numbered."""
        pid = os.getpid()
        return cls(0, _host(), _boot(), pid, started(pid) or "", time.monotonic())


def alive(owner: Owner, now: float, lease_s: float) -> bool:
    """Tell whether an owner may still be working on its claims.

    Args:
        owner: as read from the store.
        now: monotonic seconds.
        lease_s: seconds without a sign of life after which a process counts as gone, even if it
            is merely stopped.
    """
    if owner.boot != _boot() or abs(now - owner.heartbeat) > lease_s:
        return False
    if owner.host != _host():
        return True  # another container: its process numbers mean nothing here
    found = started(owner.pid)
    return found is not None and found == owner.started


def started(pid: int) -> str | None:
    """Return when a process started, in the kernel's own ticks.

    Empty where the system does not say; None where there is no such process, or only its zombie.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except FileNotFoundError:
        return "" if not Path("/proc/self/stat").exists() and _signalled(pid) else None
    except OSError:
        return None  # it ended while it was being read
    # The name in the second field may hold blanks and brackets: count from its last bracket.
    fields = stat[stat.rfind(b")") + 2 :].split()
    return None if fields[0] in (b"Z", b"X") else fields[19].decode()


def _signalled(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


@cache
def _host() -> str:
    try:
        return f"{socket.gethostname()} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return socket.gethostname()


@cache
def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""
