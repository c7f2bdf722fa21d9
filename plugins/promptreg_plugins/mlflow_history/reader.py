"""Reading: experiments, and runs by tags."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from promptreg.errors import StoreError, UsageError
from promptreg.past import Wanted
from promptreg_plugins.mlflow_history import tags as t

__all__ = ["existing", "experiment", "find", "search"]

_PAGE = 500


def existing(client: Any, suite: str) -> str | None:
    """Return the id of a suite's experiment; None: nothing was recorded yet."""
    found = client.get_experiment_by_name(suite)
    if found is None:
        return None
    if found.lifecycle_stage != "active":
        raise StoreError(
            f"the experiment {suite!r} was deleted in MLflow; 'mlflow experiments restore "
            f"--experiment-id {found.experiment_id}' brings it back"
        )
    return str(found.experiment_id)


def experiment(client: Any, suite: str, artifacts: str | None) -> str:
    """Return the id of a suite's experiment, made if there is none."""
    from mlflow.exceptions import MlflowException

    found = existing(client, suite)
    if found is not None:
        return found
    try:
        tags = {t.KIND: "suite", "mlflow.note.content": "Runs and comparisons of promptreg."}
        return str(client.create_experiment(suite, artifact_location=artifacts, tags=tags))
    except MlflowException as e:
        made = existing(client, suite) if e.error_code == "RESOURCE_ALREADY_EXISTS" else None
        if made is None:
            raise
        return made


def find(client: Any, home: str, id_: str) -> Any | None:
    """Return the MLflow run of a run's or comparison's id, the first one there is."""
    found = client.search_runs(
        [home],
        f"tags.`{t.ID}` = '{_quoted(id_)}'",
        max_results=10,
        order_by=["attributes.start_time ASC", "attributes.run_id ASC"],
    )
    # By name, not by time of creation, which clocks of two machines may see differently.
    return min(found, key=lambda run: str(run.info.run_id)) if found else None


def search(client: Any, kind: str, wanted: Wanted) -> Iterator[Any]:
    """Give the complete MLflow runs of a kind, the newest first."""
    home = existing(client, wanted.suite)
    if home is None:
        return
    parts = [f"tags.`{t.KIND}` = '{kind}'", f"tags.`{t.COMPLETE}` = 'yes'"]
    if wanted.template and kind in ("run", "event"):
        parts.append(f"tags.`{t.PREFIX}template` = '{_quoted(wanted.template)}'")
    if wanted.template and kind == "comparison":
        parts.append(f"tags.`{t.template_tag(_quoted(wanted.template))}` = 'yes'")
    if wanted.verdict and kind == "comparison":
        parts.append(f"tags.`{t.PREFIX}verdict` = '{_quoted(wanted.verdict)}'")
    if wanted.since:
        since = int(datetime.fromisoformat(wanted.since).timestamp() * 1000)
        parts.append(f"attributes.start_time >= {since}")
    token, left = None, wanted.limit
    while left is None or left > 0:
        page = client.search_runs(
            [home],
            " and ".join(parts),
            max_results=_PAGE if left is None else min(_PAGE, left),
            order_by=["attributes.start_time DESC", "attributes.run_id ASC"],
            page_token=token,
        )
        yield from page
        left = None if left is None else left - len(page)
        token = page.token
        if not token:
            return


def _quoted(text: str) -> str:
    if not text.isprintable() or "'" in text or "`" in text or len(text) > 300:
        raise UsageError(f"{text!r:.80}: nothing in the history can be called so")
    return text
