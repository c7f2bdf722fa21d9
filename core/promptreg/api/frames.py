"""DataFrames of scenarios, trials, differences and changes."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from promptreg.pipeline.project import Project
from promptreg.records import Run, ScenarioSet
from promptreg.store.runs import read_trials
from promptreg.verdicts import Difference, ScenarioChange

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["change_frame", "difference_frame", "scenario_frame", "trial_frame"]

_FIELDS = 50
"""So many fields of answers become columns, the most frequent; `answer` holds them all."""
_LEFT_OUT = ("worst.", "outcome.")
_INTERNAL = ("key", "prompt_sha256")


def scenario_frame(project: Project, scenarios: ScenarioSet) -> pd.DataFrame:
    """Return one row per scenario, in file order.

    Columns: `id`; every column of the file; `ground_truth_NAME` for everything that is known
    right, from wherever it stands (`ground_truth_risk_range` is a pair); `family`; `templates`,
    those that serve the scenario.
    """
    import pandas as pd

    from promptreg.pipeline.versions import serves

    found = scenarios.scenarios
    served: dict[str, list[str]] = {s.id: [] for s in found}
    for template in project.suite.templates:
        for scenario in serves(project, template, scenarios):
            served[scenario.id].append(template)
    columns: dict[str, list[Any]] = {"id": [s.id for s in found]}
    for name in dict.fromkeys(n for s in found for n in s.variables):
        if name != "id":
            columns[name] = [s.variables.get(name) for s in found]
    for name in dict.fromkeys(n for s in found for n in s.ground_truth):
        values = [_plain(name, s.ground_truth.get(name)) for s in found]
        columns.setdefault(f"ground_truth_{name}", values)
    columns.setdefault("family", [s.family for s in found])
    columns.setdefault("templates", [tuple(served[s.id]) for s in found])
    return pd.DataFrame(columns)


def trial_frame(run: Run, **more: str) -> pd.DataFrame:
    """Return one row per trial of a stored run.

    Columns: `more`; `template`, `label`; `scenario_id`, `family`, `repeat`, `prompt`, `text`,
    `latency_s`, tokens, `error_cause` and `error_detail`; `answer` (a dict, None where the trial
    failed) and `answer.FIELD`; `attr.NAME`; `score.NAME` (none where a trial failed or the metric
    does not apply, with `reason.NAME` where a scorer could not judge).

    Raises:
        StoreError: the run is not stored, or damaged.
    """
    import pandas as pd

    rows = []
    for row in read_trials(run):
        kept = {
            name: value
            for name, value in row.items()
            if name not in _INTERNAL and not name.startswith(_LEFT_OUT)
        }
        kept["answer"] = _answer(row.get("answer"))
        rows.append({**more, "template": run.facts.template, "label": run.facts.label, **kept})
    frame = pd.DataFrame(rows)
    counted = Counter(name for row in rows for name in row["answer"] or ())
    fields = {
        f"answer.{name}": [None if r["answer"] is None else r["answer"].get(name) for r in rows]
        for name, _ in counted.most_common(_FIELDS)
    }
    return pd.concat([frame, pd.DataFrame(fields)], axis=1) if fields else frame


def difference_frame(differences: Iterable[Difference]) -> pd.DataFrame:
    """Return one row per template, metric and slice, as the JSON report has them.

    `attribute` and `value` name the slice (none for all scenarios); `low` and `high` are the ends
    of the interval, of the ratio where `ratio` is given.
    """
    import pandas as pd

    return pd.DataFrame([_difference(d) for d in differences], columns=list(_DIFFERENCE))


_DIFFERENCE = (
    *("template", "metric", "attribute", "value", "baseline", "candidate", "difference", "ratio"),
    *("low", "high", "level", "margin", "verdict", "gating", "suspect", "insufficient"),
    *("p_value", "p_adjusted", "detectable_difference", "scenarios_needed", "n_scenarios"),
    *("n_clusters", "repeats", "kind", "unit", "direction", "broke", "fixed", "test"),
)


def _difference(d: Difference) -> dict[str, Any]:
    ends = d.ratio[1:] if d.ratio else d.interval or (None, None)
    broke, fixed = d.discordant or (None, None)
    if d.direction == "lower_is_better":
        broke, fixed = fixed, broke
    own: dict[str, Any] = {
        "attribute": d.slice.attribute if d.slice else None,
        "value": d.slice.value if d.slice else None,
        "ratio": d.ratio[0] if d.ratio else None,
        "low": ends[0],
        "high": ends[1],
        "verdict": d.verdict.value,
        "broke": broke,
        "fixed": fixed,
    }
    return {name: own[name] if name in own else getattr(d, name) for name in _DIFFERENCE}


def change_frame(changes: Sequence[ScenarioChange]) -> pd.DataFrame:
    """Return one row per scenario, the worst first.

    Columns: `template`, `scenario_id`, `family`, `change` (negative is worse); for `baseline` and
    `candidate` an answer (dict), a failure and every score, such as `candidate.in_range`;
    `ground_truth` (dict) and `attr.NAME`.
    """
    import pandas as pd

    return pd.DataFrame([_change(c) for c in changes])


def _change(c: ScenarioChange) -> dict[str, Any]:
    row: dict[str, Any] = {
        "template": c.template,
        "scenario_id": c.scenario_id,
        "family": c.family,
        "change": c.change,
    }
    for side, trial in (("baseline", c.baseline), ("candidate", c.candidate)):
        row[f"{side}_answer"] = dict(trial.answer) or None
        row[f"{side}_failure"] = trial.failure or None
        row |= {f"{side}.{name}": value for name, value in trial.scores.items()}
    row["ground_truth"] = dict(c.ground_truth)
    return row | {f"attr.{name}": value for name, value in c.attributes.items()}


def _answer(text: str | None) -> dict[str, Any] | None:
    found = json.loads(text) if text else None
    return dict(found) if isinstance(found, Mapping) else None


def _plain(name: str, value: Any) -> Any:
    return tuple(value) if name == "risk_range" and isinstance(value, list) else value
