"""How alike texts are: shared runs of words, found fast by MinHash and counted exactly."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Sequence
from itertools import combinations, pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["near_duplicates", "shingles", "similarity"]

_WORD = re.compile(r"[^\W\d_]+")
_RUN = 3
_HASHES = 64
_BAND = 4
"""16 bands of 4 hashes: two texts that share 8 parts of 10 meet with probability 0.9998."""
_LARGEST_BUCKET = 200


def shingles(text: str) -> frozenset[str]:
    """Return the runs of three words of a text; digits and case do not count."""
    words = _WORD.findall(text.lower())
    return frozenset(" ".join(words[i : i + _RUN]) for i in range(max(1, len(words) - _RUN + 1)))


def similarity(a: frozenset[str], b: frozenset[str]) -> float:
    """Return the Jaccard index: the share of all runs that both have, 0 to 1."""
    if not a and not b:
        return 1.0
    shared = len(a & b)
    return shared / (len(a) + len(b) - shared)


def near_duplicates(texts: Sequence[str], least: float) -> list[tuple[int, int, float]]:
    """Return (i, j, similarity) of pairs at least that alike, i < j, most alike first.

    Candidates come from banded MinHash (Broder 1997, "On the resemblance and containment of
    documents"), so a pair at the threshold may be missed, with a probability below one in a
    thousand from 0.8 on; what is returned was counted exactly.
    """
    import numpy as np

    sets = [shingles(text) for text in texts]
    numbers: dict[str, int] = {}
    for one in sets:
        for run in one:
            if run not in numbers:
                digest = hashlib.blake2b(run.encode(), digest_size=8).digest()
                numbers[run] = int.from_bytes(digest, "little")
    factors = _constants(b"factor")
    terms = _constants(b"term")
    buckets: dict[tuple[int, bytes], list[int]] = defaultdict(list)
    for i, one in enumerate(sets):
        values = np.array(sorted(numbers[run] for run in one), dtype=np.uint64)
        # Wraps around at 64 bits, which is what mixes.
        mixed = (values[:, None] ^ terms[None, :]) * factors[None, :]
        mixed ^= mixed >> np.uint64(32)
        mixed *= factors[None, :]
        least_of = mixed.min(axis=0)
        for band in range(0, _HASHES, _BAND):
            buckets[band, least_of[band : band + _BAND].tobytes()].append(i)
    pairs: set[tuple[int, int]] = set()
    for members in buckets.values():
        if len(members) > _LARGEST_BUCKET:
            # Everything is alike; a chain through all of them says so without squaring.
            pairs.update(pairwise(members))
        else:
            pairs.update(combinations(members, 2))
    found = [(i, j, similarity(sets[i], sets[j])) for i, j in sorted(pairs)]
    return sorted((p for p in found if p[2] >= least), key=lambda p: (-p[2], p[0], p[1]))


def _constants(what: bytes) -> NDArray[np.uint64]:
    import numpy as np

    made = [
        int.from_bytes(hashlib.blake2b(what + bytes([i]), digest_size=8).digest(), "little") | 1
        for i in range(_HASHES)
    ]
    return np.array(made, dtype=np.uint64)
