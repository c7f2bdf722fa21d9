"""A comparison as a result: the verdict, tables of what it rests on, and plots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup

from promptreg.api import html
from promptreg.api.frames import change_frame, difference_frame, trial_frame
from promptreg.api.plot import Plot
from promptreg.api.worst import WorstScenarios
from promptreg.errors import UsageError, did_you_mean
from promptreg.numbers import level
from promptreg.pipeline.project import Project
from promptreg.stages.report import digest, plan_reports, write_reports
from promptreg.stages.report.lines import lines_of
from promptreg.stages.report.plots.changes import histogram_of_changes, scores_against_ranges
from promptreg.stages.report.plots.failures import bars_of_failures
from promptreg.stages.report.plots.forest import SHAPES, forest_of_metrics, forest_of_slices
from promptreg.stages.report.plots.landscape import map_of_scenarios
from promptreg.stages.report.text import one_line
from promptreg.store.runs import load_run
from promptreg.verdicts import Comparison, Difference, GateVerdict

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ComparisonResult"]

_TONES = {GateVerdict.PASS: "good", GateVerdict.FAIL: "bad", GateVerdict.INCONCLUSIVE: "unsure"}
_ALL = 10_000


@dataclass(frozen=True, slots=True)
class ComparisonResult:
    """Candidate against baseline.

    Attributes:
        comparison: the record that reporters read.
        project: the suite.
    """

    comparison: Comparison
    project: Project

    @property
    def verdict(self) -> str:
        """What the gate says: `pass`, `fail` or `inconclusive`."""
        return self.comparison.gate.verdict.value

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why."""
        return self.comparison.gate.reasons

    @property
    def differences(self) -> pd.DataFrame:
        """One row per template, metric and slice: values, change, interval, verdict."""
        return difference_frame(self.comparison.differences)

    @property
    def worse_slices(self) -> pd.DataFrame:
        """The rows of `differences` for slices that became worse, the worst first; hints."""
        return difference_frame(digest.hurting_slices(self.comparison, _ALL)[0])

    @property
    def changes(self) -> pd.DataFrame:
        """One row per scenario with both answers, the worst first; 500 at most."""
        return change_frame(self.comparison.changes)

    @property
    def trials(self) -> pd.DataFrame:
        """One row per trial of either side, with `side` and the version's `label`."""
        import pandas as pd

        frames = []
        for side in ("baseline", "candidate"):
            runs = getattr(self.comparison, side).run_ids
            frames += [
                trial_frame(load_run(self.project.store, name), side=side) for name in runs.values()
            ]
        return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()

    @property
    def failures(self) -> pd.DataFrame:
        """One row per cause: how many trials of either side failed by it, and how they count."""
        import pandas as pd

        rows = [
            [r.cause, r.baseline, r.candidate, digest.TREATMENTS[r.treatment]] for r in self._causes
        ]
        return pd.DataFrame(rows, columns=["cause", "baseline", "candidate", "counts as"])

    def worst(self, n: int = 5, template: str | None = None) -> WorstScenarios:
        """Return the scenarios that became worse, the worst first, with both answers."""
        found = digest.worst(self.comparison, _ALL)
        if template is not None:
            name = self._template(template)
            found = [c for c in found if c.template == name]
        return WorstScenarios(
            tuple(found[:n]), self._labels, apart=self.comparison.design is not None
        )

    def forest(
        self, metric: str | None = None, *, by: str | None = None, template: str | None = None
    ) -> Plot:
        """Return the intervals: of all metrics in margins, or of one metric by slice.

        Args:
            metric: the one to show on every slice; 40 at most.
            by: slices by this attribute only.
            template: where several were compared.

        Raises:
            UsageError: there is no such metric, attribute or template, or several templates and
                none named.
        """
        name = self._template(template)
        mine = [d for d in self.comparison.differences if d.template == name]
        if metric is None:
            whole = digest.whole_suite(self.comparison).get(name, [])
            drawn = forest_of_metrics(whole, "forest", one_line(name, 60))
            return Plot.of(f"Change of every metric of {name}", drawn)
        names = list(dict.fromkeys(d.metric for d in mine))
        if metric not in names:
            raise UsageError(
                f"metric={metric!r:.80}: is not compared{did_you_mean(metric, names)}; "
                f"there are: {', '.join(names)}"
            )
        rows = [d for d in mine if d.metric == metric and (d.slice is None or not d.gating)]
        if by is not None:
            sliced = list(dict.fromkeys(d.slice.attribute for d in rows if d.slice))
            if by not in sliced:
                raise UsageError(
                    f"by={by!r:.80}: no slices by it{did_you_mean(by, sliced)}; there are: "
                    f"{', '.join(sliced) or 'none'}"
                )
            rows = [d for d in rows if d.slice is None or d.slice.attribute == by]
        return Plot.of(f"{metric} of {name} by slice", forest_of_slices(rows[:40], "slices"))

    def histogram(self) -> Plot:
        """Return how far single scenarios moved."""
        c = self.comparison
        drawn = histogram_of_changes(c.changes, c.changes_total, "changes", every=c.all_changes)
        return Plot.of("Change of single scenarios", drawn)

    def ranges(self, template: str | None = None) -> Plot:
        """Return both versions' risk scores over the expected ranges, the worst scenarios."""
        name = self._template(template)
        changes = [c for c in self.comparison.changes if c.template == name]
        drawn = scores_against_ranges(changes, self._labels, "ranges")
        return Plot.of(f"Scores of {name} against expected ranges", drawn)

    def failure_bars(self) -> Plot:
        """Return failed trials by cause, one bar per side."""
        drawn = bars_of_failures(self._causes, self._labels, "failures")
        return Plot.of("Failed trials by cause", drawn)

    def map(self) -> Plot:
        """Return the scenarios like beside like; what became worse stands out.

        Raises:
            UsageError: there is no map; the suite names no embedder, or a warning says why.
        """
        drawn = self.comparison.scenario_map
        if drawn is None:
            raise UsageError("there is no map: the suite names no embedder, or see the warnings")
        return Plot.of("Map of scenarios", map_of_scenarios(drawn, "map"))

    def save(self, *paths: str | Path) -> list[Path]:
        """Write reports (.html, .json, .md, .junit.xml, .csv, .parquet), and return their paths.

        Raises:
            UsageError: no reporter writes such a file.
            StoreError: a file cannot be written.
        """
        planned = plan_reports(self.project.plugins.reporters, paths)
        return write_reports(self.comparison, planned)

    @property
    def _labels(self) -> tuple[str, str]:
        c = self.comparison
        return one_line(c.baseline.label, 24), one_line(c.candidate.label, 24)

    @property
    def _causes(self) -> list[digest.CauseCount]:
        return digest.causes(self.comparison)

    def _template(self, wanted: str | None) -> str:
        names = list(dict.fromkeys(d.template for d in self.comparison.differences))
        if wanted is None and len(names) == 1:
            return names[0]
        if wanted in names:
            return str(wanted)
        why = "several were compared" if wanted is None else "was not compared"
        hint = "" if wanted is None else did_you_mean(wanted, names)
        raise UsageError(f"template={wanted!r:.80}: {why}{hint}; there are: {', '.join(names)}")

    def __repr__(self) -> str:
        return f"<{digest.headline(self.comparison)}>"

    def _repr_html_(self) -> str:
        c = self.comparison
        tables = digest.whole_suite(c)
        gating = digest.guards(c)
        hurting, more = digest.hurting_slices(c)
        parts = [
            Markup('<p><span class="{}">{}</span> {}</p>').format(
                _TONES[c.gate.verdict],
                c.gate.verdict.upper(),
                "; ".join(one_line(r, 200) for r in c.gate.reasons[:6]),
            ),
            html.lines([digest.facts(c), *digest.compared(c)]),
            html.lines([one_line(w, 300) for w in c.warnings[:8]], "unsure"),
        ]
        for name, rows in tables.items():
            guarded = [d for d in gating if d.template == name]
            caption = one_line(name, 60) if len(tables) > 1 else ""
            parts.append(_table([*rows, *guarded], self._labels, caption))
        if hurting:
            rest = f", and {more} more" if more else ""
            caption = f"Slices that became worse: hints, never gating{rest}"
            parts.append(_table(hurting, self._labels, caption))
        return html.block(*parts)


def _table(rows: Sequence[Difference], labels: tuple[str, str], caption: str) -> Markup:
    shown = level(rows[0].level) if rows else ""
    heads = ["metric", *labels, "change", f"{shown} interval", "margin", "could have seen"]
    body = [
        [
            line.title,
            line.baseline,
            line.candidate,
            line.change,
            line.interval,
            line.margin,
            line.seen,
            Markup('<span class="{}">{}</span>').format(
                SHAPES[line.difference.verdict][1], line.verdict
            ),
        ]
        for line in lines_of(rows)
    ]
    return html.table([*heads, "verdict"], body, set(range(1, 7)), caption)
