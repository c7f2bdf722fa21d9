"""The key of a call: a hash of everything that shapes its completion, and nothing else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from promptreg.records import Json, Prompt
from promptreg.stages.load import image_sha256

__all__ = ["KeyMaker", "canonical", "digest", "seed_of"]


def canonical(value: Json) -> str:
    """Return the one JSON spelling of a value: sorted keys, no blanks, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False, default=str)


def digest(value: Json) -> str:
    """Return the hex SHA-256 of a value's canonical JSON."""
    return hashlib.sha256(canonical(value).encode("utf-8", "surrogatepass")).hexdigest()


def seed_of(told: object) -> int:
    """Return a seed made of what is told, so that nobody can shop for one."""
    return int.from_bytes(hashlib.sha256(repr(told).encode()).digest()[:8], "big")


class KeyMaker:
    """Makes keys for one provider.

    Args:
        provider: the provider's registered name.
        identity: what the provider says shapes its completions.
        server: facts about the server (model, build) that shape them as well.
        nonce: empty, or a word that keeps these calls apart from stored ones.
    """

    def __init__(
        self, provider: str, identity: Mapping[str, Json], server: Mapping[str, Json], nonce: str
    ) -> None:
        shared: dict[str, Json] = {
            "provider": provider,
            "identity": identity,
            "server": server,
            "nonce": nonce,
        }
        # The shared part is hashed once; each key continues from a copy of that state.
        self._state = hashlib.sha256(canonical(shared).encode("utf-8", "surrogatepass"))

    @property
    def shared(self) -> str:
        """A hash of all that the keys have in common; equal ones make equal keys."""
        return self._state.hexdigest()

    def key(self, prompt: Prompt, repeat: int, subject: str = "") -> str:
        """Return the key of asking `prompt` for the `repeat`-th time.

        Args:
            prompt: exactly what is sent.
            repeat: from 0.
            subject: for providers that look completions up: which one is looked up.
        """
        state = self._state.copy()
        images = [image_sha256(path) for path in prompt.images]
        # Lengths keep the parts apart, so that no two different calls spell the same bytes.
        text = prompt.text.encode("utf-8", "surrogatepass")
        state.update(b"%d:%d:%d:" % (repeat, len(images), len(text)))
        state.update(text)
        for image in images:
            state.update(image.encode())
        state.update(subject.encode("utf-8", "surrogatepass"))
        return state.hexdigest()
