"""What scorers say of a comparison besides the metric: shown beside it, decides nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from promptreg.records import ScoreColumn
from promptreg.stages.compare.pairs import RunPair
from promptreg.verdicts import Difference

__all__ = ["Remark", "with_remarks"]

Remark = Callable[[ScoreColumn, ScoreColumn, Sequence[str]], Sequence[str]]
_MOST = 5


def with_remarks(
    differences: Sequence[Difference],
    pairs: Sequence[RunPair],
    remarks: Mapping[str, Remark],
) -> tuple[Difference, ...]:
    """Return the differences with scorers' remarks among the notes of whole-suite lines.

    What a scorer raises becomes a note: a remark must not cost a verdict.

    Args:
        differences: all of a comparison.
        pairs: its runs.
        remarks: metric to what its scorer has to say of both versions' columns and the families.
    """
    by_name = {pair.template: pair for pair in pairs}
    return tuple(
        replace(d, notes=(*d.notes, *_said(by_name[d.template], d.metric, remarks[d.metric])))
        if d.slice is None and d.metric in remarks and d.n_scenarios
        else d
        for d in differences
    )


def _said(pair: RunPair, metric: str, remark: Remark) -> list[str]:
    columns = pair.baseline.columns[metric], pair.candidate.columns[metric]
    try:
        said = remark(*columns, pair.baseline.families)
        return [str(line) for line in said][:_MOST]
    except Exception as e:  # noqa: BLE001 - a stranger's code may raise anything
        return [f"its scorer's remark failed: {type(e).__name__}: {e}"]
