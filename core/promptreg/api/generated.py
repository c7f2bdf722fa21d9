"""A frozen set of generated scenarios, as a result."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from promptreg.api import html
from promptreg.api.plot import Plot
from promptreg.errors import UsageError
from promptreg.numbers import count
from promptreg.pipeline.generate import SCENARIOS
from promptreg.pipeline.generate.vectors import MAP
from promptreg.store.fixture import FixtureManifest

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["GeneratedSet"]


@dataclass(frozen=True, slots=True)
class GeneratedSet:
    """A fixture that was just frozen, or read back.

    Attributes:
        folder: where it is.
        manifest: who made it with what, and the hash of every file.
        coverage: what it covers, as in `coverage.json`.
    """

    folder: Path
    manifest: FixtureManifest
    coverage: dict[str, Any]

    @classmethod
    def read(cls, folder: Path, manifest: FixtureManifest) -> GeneratedSet:
        """Return the fixture in a folder."""
        return cls(folder, manifest, json.loads((folder / "coverage.json").read_text("utf-8")))

    @property
    def scenarios(self) -> pd.DataFrame:
        """One row per scenario, columns as in `scenarios.parquet`."""
        import pandas as pd

        return pd.read_parquet(self.folder / SCENARIOS)

    @property
    def combinations(self) -> pd.DataFrame:
        """How many combinations of 1, 2, ... attributes are possible, and how many occur."""
        import pandas as pd

        names = ["strength", "possible", "covered", "share", "excluded"]
        return pd.DataFrame([{n: t[n] for n in names} for t in self.coverage["tuples"]])

    @property
    def slices(self) -> pd.DataFrame:
        """Size of every slice, and the smallest pass/fail change a comparison on it would see.

        `sees_low` holds where scenarios of a family differ independently, `sees_high` where they
        differ alike.
        """
        import pandas as pd

        rows = []
        for found in self.coverage["slices"]:
            facts = dict(found)
            low, high = (facts.pop("detectable") or [None, None])[:2]
            rows.append({**facts, "sees_low": low, "sees_high": high})
        return pd.DataFrame(rows)

    def near_duplicates(self, by: str = "words") -> pd.DataFrame:
        """Return the most alike pairs: by `words` (shared runs of three), or by `embedding`.

        Raises:
            UsageError: `by` is something else, or the set has no vectors.
        """
        import pandas as pd

        keys = {"words": "near_duplicates", "embedding": "near_duplicates_by_embedding"}
        if by not in keys:
            raise UsageError(f"by={by!r:.40}: allowed: {', '.join(keys)}")
        found = self.coverage.get(keys[by])
        if found is None:
            raise UsageError(f"{self.folder}: was generated without an embedder")
        kind = "share" if by == "words" else "cosine"
        return pd.DataFrame(found["most_alike"], columns=["scenario", "is like", kind])

    @property
    def map(self) -> Plot:
        """The coverage map.

        Raises:
            UsageError: the set has no vectors.
        """
        if MAP not in self.manifest.files:
            raise UsageError(f"{self.folder}: was generated without an embedder; it has no map")
        return Plot("Coverage map", (self.folder / MAP).read_text("utf-8"))

    def __repr__(self) -> str:
        families = count(self.coverage["families"], "family")
        return f"<{count(self.coverage['scenarios'], 'generated scenario')} in {families}>"

    def _repr_html_(self) -> str:
        rows = [
            [str(t["strength"]), f"{t['possible']:,}", f"{t['covered']:,}", f"{t['excluded']:,}"]
            for t in self.coverage["tuples"]
        ]
        near = self.coverage["near_duplicates"]["pairs"]
        words = f"{count(self.coverage['duplicates'], 'duplicate')}, "
        words += f"{count(near, 'pair')} alike by words"
        meaning = self.coverage.get("near_duplicates_by_embedding")
        if meaning:
            words += f", {count(meaning['pairs'], 'pair')} alike by embedding"
        heads = ["attributes together", "possible", "covered", "excluded"]
        sha256 = str(self.manifest.scenarios["sha256"])[:12]
        return html.block(
            html.lines([f"{repr(self)[1:-1]}, SHA-256 {sha256}…"], ""),
            html.table(heads, rows, {1, 2, 3}),
            html.lines([words]),
        )
