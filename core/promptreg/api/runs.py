"""Runs as results: each metric with its interval, every trial, the places the data allow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup

from promptreg.api import html
from promptreg.api.frames import trial_frame
from promptreg.numbers import amount, count
from promptreg.pipeline.summary import MetricLine
from promptreg.records import Run
from promptreg.stages.report.text import one_line
from promptreg.verdicts import Ranking

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["RunResult", "RunResults"]


@dataclass(frozen=True, slots=True)
class RunResult:
    """One run: all trials of one template version.

    Attributes:
        run: the record.
        lines: each metric with its interval.
    """

    run: Run
    lines: tuple[MetricLine, ...]

    @property
    def id(self) -> str:
        """The run's name: `run:ID` is a reference."""
        return self.run.id

    @property
    def metrics(self) -> pd.DataFrame:
        """One row per metric: `value`, `low` and `high` (95 %), `n_scenarios`, `failed`, `gaps`."""
        import pandas as pd

        rows = []
        for line in self.lines:
            facts = asdict(line)
            low, high = facts.pop("interval") or (None, None)
            rows.append({**facts, "low": low, "high": high})
        return pd.DataFrame(rows).set_index("metric") if rows else pd.DataFrame()

    @property
    def trials(self) -> pd.DataFrame:
        """One row per trial: answer, scores, cause of failure, latency, tokens."""
        return trial_frame(self.run)

    def __repr__(self) -> str:
        facts = self.run.facts
        failed = sum(self.run.failures.values())
        return (
            f"<{one_line(facts.template, 60)}@{one_line(facts.label, 60)}: run:{self.id}, "
            f"{count(len(self.run.scenario_ids), 'scenario')}, "
            f"{count(self.run.repeats, 'repeat')}, {failed} failed>"
        )

    def _parts(self) -> Iterator[Markup]:
        facts = self.run.facts
        causes = ", ".join(f"{one_line(k, 40)} {v}" for k, v in sorted(self.run.failures.items()))
        size = f"{count(len(self.run.scenario_ids), 'scenario')}, "
        size += f"{count(self.run.repeats, 'repeat')}, "
        name = f"{one_line(facts.template, 60)}@{one_line(facts.label, 60)}"
        yield Markup("<p><strong>{}</strong> · {}{}</p>").format(
            name, size, f"failed: {causes}" if causes else "all answered"
        )
        if facts.synthetic:
            yield html.lines(["answers came from a scripted provider: they say nothing"], "unsure")
        rows = []
        for m in self.lines:
            ends = [amount(end, share=m.binary) for end in m.interval or ()]
            value = amount(m.value, m.unit, share=m.binary)
            shown = [one_line(m.metric, 40), value, " to ".join(ends) or "-"]
            rows.append([*shown, str(m.n_scenarios), str(m.failed), str(m.gaps)])
        heads = ["metric", "value", "95% interval", "n", "failed", "gaps"]
        yield html.table(heads, rows, {1, 2, 3, 4, 5})

    def _repr_html_(self) -> str:
        return html.block(*self._parts())


@dataclass(frozen=True, slots=True)
class RunResults(Sequence[RunResult]):
    """What came of running versions: a run for each template and label.

    Attributes:
        results: in the order asked for.
        ranking: places among runs that served the same scenarios.
        warnings: what a reader must know.
    """

    results: tuple[RunResult, ...]
    ranking: tuple[Ranking, ...] = ()
    warnings: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.results)

    def __getitem__(self, at: int) -> RunResult:  # type: ignore[override] # slices: see results
        return self.results[at]

    @property
    def metrics(self) -> pd.DataFrame:
        """One row per run and metric, indexed by template, label and metric."""
        import pandas as pd

        frames = [
            r.metrics.reset_index().assign(template=r.run.facts.template, label=r.run.facts.label)
            for r in self.results
            if r.lines
        ]
        if not frames:
            return pd.DataFrame()
        return pd.concat(frames, ignore_index=True).set_index(["template", "label", "metric"])

    @property
    def trials(self) -> pd.DataFrame:
        """One row per trial of every run."""
        import pandas as pd

        return pd.concat([r.trials for r in self.results], ignore_index=True)

    @property
    def places(self) -> pd.DataFrame:
        """One row per run with its place and the range of places the data allow."""
        import pandas as pd

        rows = [asdict(r) for r in self.ranking]
        for row in rows:
            row["to_best_low"], row["to_best_high"] = row.pop("interval")
        return pd.DataFrame(rows)

    def __repr__(self) -> str:
        return f"<{', '.join(map(repr, self.results))}>"

    def _repr_html_(self) -> str:
        warned = html.lines([one_line(w, 300) for w in self.warnings[:10]], "unsure")
        parts = [part for result in self.results for part in result._parts()]
        return html.block(warned, *parts)
