"""A bisection as the history remembers it."""

from __future__ import annotations

from promptreg.clock import utc_now
from promptreg.past import PastEvent
from promptreg.pipeline.bisect.as_json import bisection_json
from promptreg.pipeline.bisect.as_text import bisection_markdown
from promptreg.pipeline.bisect.result import Bisection
from promptreg.pipeline.bisect.words import headline
from promptreg.pipeline.history.keep import keep_event
from promptreg.pipeline.project import Project
from promptreg.stages.report.text import one_line
from promptreg.store.outbox import Waiting

__all__ = ["keep_bisection"]


def keep_bisection(project: Project, found: Bisection) -> Waiting:
    """Put a bisection into the outbox: what it found, its report, and the runs of both ends.

    Texts between the ends are no versions of anything, so their runs are left out.

    Raises:
        StoreError: the entry cannot be written.
    """
    event = PastEvent(
        id="",
        suite=found.suite,
        template=found.template,
        kind="bisection",
        created_at=utc_now(),
        summary=one_line(headline(found), 500),
        facts={
            "good": found.good,
            "bad": found.bad,
            "metrics": ", ".join(dict.fromkeys(d.metric for d in found.targets)),
            "named": "yes" if found.named else "no",
            "exit_code": str(int(found.exit_code)),
            "tests": str(len(found.tests)),
            "calls": str(found.spending.calls),
            "provider": found.provider,
            "synthetic": "yes" if found.synthetic else "no",
        },
        template_sha256=found.texts[1].sha256 if found.texts else "",
        page=bisection_markdown(found),
    )
    return keep_event(project, event, found.runs, found.texts, bisection_json(found))
