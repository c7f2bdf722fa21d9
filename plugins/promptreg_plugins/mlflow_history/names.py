"""Names that MLflow takes, made of names that may hold anything, and back."""

from __future__ import annotations

import hashlib
import re

__all__ = ["LONGEST", "metric_key", "metric_parts", "prompt_name", "tag_text"]

LONGEST = 240
_PLAIN = re.compile(r"[A-Za-z0-9_\-.]")
_ESCAPED = re.compile(r":([0-9a-f]{2})")
_TAG = 4_900
"""Characters of a tag's value: the least that any supported version takes, less a margin."""


def metric_key(metric: str, part: str = "", where: tuple[str, str] | None = None) -> str:
    """Return the key of a metric: `in_range`, `in_range/low`, `slice/story/prowler/in_range`.

    Whatever MLflow does not take in a name is written as `:` and two hexadecimal digits per byte.
    A key that would be too long ends in a hash and cannot be read back.
    """
    names = [_escaped(metric)]
    if where is not None:
        names = ["slice", *map(_escaped, where), *names]
    key = "/".join([*names, *([part] if part else [])])
    if len(key) <= LONGEST:
        return key
    digest = hashlib.sha256(key.encode()).hexdigest()[:16]
    return f"{key[: LONGEST - 40]}::{digest}" + (f"/{part}" if part else "")


def metric_parts(key: str) -> tuple[str, str, tuple[str, str] | None] | None:
    """Return metric, part and slice of a key; None for what is no such key."""
    if "::" in key:
        return None
    pieces = key.split("/")
    where = None
    if pieces[0] == "slice" and len(pieces) >= 4:
        where = (_plain(pieces[1]), _plain(pieces[2]))
        pieces = pieces[3:]
    if not 1 <= len(pieces) <= 2:
        return None
    return _plain(pieces[0]), pieces[1] if len(pieces) == 2 else "", where


def _escaped(name: str) -> str:
    """Return a name of one path element; neither empty nor `.` nor `..`."""
    if not name.strip(".") or name == "slice":
        return "".join(f":{b:02x}" for b in name.encode()) or ":"
    return "".join(
        c if _PLAIN.match(c) else "".join(f":{b:02x}" for b in c.encode("utf-8", "replace"))
        for c in name
    )


def _plain(name: str) -> str:
    if name == ":":
        return ""
    parts = re.split(r"((?::[0-9a-f]{2})+)", name)
    return "".join(
        bytes(int(h, 16) for h in _ESCAPED.findall(p)).decode("utf-8", "replace") if i % 2 else p
        for i, p in enumerate(parts)
    )


def prompt_name(suite: str, template: str) -> str:
    """Return a prompt's name, `SUITE.TEMPLATE`; what MLflow does not take leaves a hash."""
    name = f"{suite}.{template}"
    fit = re.sub(r"[^A-Za-z0-9_.\-]", "-", name)
    if fit == name and len(name) <= 200:
        return name
    return f"{fit[:180]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def tag_text(value: str) -> str:
    """Return a tag's value: one that is too long is cut, and says so; no NUL, no surrogates."""
    text = value.encode("utf-8", "replace").decode("utf-8").replace("\0", "\ufffd")
    return text if len(text) <= _TAG else text[: _TAG - 20] + " ... (cut)"
