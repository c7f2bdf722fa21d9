"""GitLab CI: one note on the merge request. Test results reach it as `-o report.junit.xml`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from promptreg.verdicts import Comparison
from promptreg_plugins.forge.api import Api
from promptreg_plugins.forge.job import ForgeError, Job, address, number, wants_comment
from promptreg_plugins.forge.output import say
from promptreg_plugins.forge.pages import decision_page, failure_page
from promptreg_plugins.forge.showing import (
    COMMENT_LIMIT,
    COMMENT_SCENARIOS,
    SkippedError,
    found_something,
    reported,
    tested_commit,
    worth_saying,
)
from promptreg_plugins.forge.sticky import Marker, Note, put

__all__ = ["GitlabNotes", "show", "show_failure"]

_TOKEN = "PROMPTREG_GITLAB_TOKEN"  # noqa: S105 - the variable's name
_HINTS = {
    401: "the token is not valid, or has expired",
    403: "the token may not write notes; it needs the scope 'api' and the role Reporter",
    404: "there is no such project or merge request, or the token does not see it",
}


def show(comparison: Comparison, env: Mapping[str, str]) -> None:
    """Show a decision."""
    job = _job(env)
    with reported("merge-request note", command=False):
        _comment(
            env,
            job,
            (comparison.suite, comparison.suite_file),
            lambda marker: decision_page(
                comparison, job, COMMENT_LIMIT, shown=COMMENT_SCENARIOS, marker=str(marker)
            ),
            create=found_something(comparison),
        )


def show_failure(suite: str, suite_file: str, error: Exception, env: Mapping[str, str]) -> None:
    """Show that there is no decision."""
    job = _job(env)
    with reported("merge-request note", command=False):
        _comment(
            env,
            job,
            (suite, suite_file),
            lambda m: failure_page(m.name, error, job, marker=str(m)),
            create=worth_saying(suite, error),
        )


def _comment(
    env: Mapping[str, str],
    job: Job,
    suite: tuple[str, str],
    body: Callable[[Marker], str],
    *,
    create: bool,
) -> None:
    token, why = wants_comment(env, _TOKEN, "")
    if not token:
        if why:
            say(f"merge-request note: {why}")
        return
    project, which = (env.get(name, "") for name in ("CI_PROJECT_ID", "CI_MERGE_REQUEST_IID"))
    if not which:
        raise SkippedError(
            "this pipeline belongs to no merge request (CI_MERGE_REQUEST_IID is not set): no note; "
            "the job needs the rule if: $CI_PIPELINE_SOURCE == 'merge_request_event'"
        )
    if not number(project) or not number(which):
        raise ForgeError(
            f"CI_PROJECT_ID is {project!r:.40} and CI_MERGE_REQUEST_IID {which!r:.40}; both must "
            "be numbers"
        )
    url = env.get("CI_API_V4_URL") or "https://gitlab.com/api/v4"
    marker = Marker(job.name or suite[0], job.path_of(suite[1]), job.number)
    with closing(Api("GitLab", url, {"PRIVATE-TOKEN": token}, token, _HINTS)) as api:
        done = put(GitlabNotes(api, project, which), marker, body, job, create=create)
    say(f"merge request {which}: {done}")


class GitlabNotes:
    """The notes of a merge request on GitLab."""

    def __init__(self, api: Api, project: str, which: str) -> None:
        self.api = api
        self._notes = f"/projects/{project}/merge_requests/{which}/notes"

    def own(self) -> Iterable[Note]:
        """Return the notes written with this token's user, the oldest first."""
        user = self.api.ask("GET", "/user").data
        mine = user.get("id") if isinstance(user, dict) else None
        if not isinstance(mine, int):
            raise ForgeError("GitLab does not say whose token this is")
        return [
            Note(item["id"], item["body"])
            for item in self.api.pages(self._notes, sort="asc", order_by="created_at")
            if isinstance(item.get("id"), int)
            and isinstance(item.get("body"), str)
            and _author(item) == mine
        ]

    def create(self, body: str) -> None:
        """Write a new note."""
        self.api.ask("POST", self._notes, body={"body": body})

    def update(self, note: int, body: str) -> None:
        """Replace a note's text."""
        self.api.ask("PUT", f"{self._notes}/{note}", body={"body": body})

    def delete(self, note: int) -> None:
        """Remove a note."""
        self.api.ask("DELETE", f"{self._notes}/{note}", allow=(404,))


def _author(item: Mapping[str, Any]) -> Any:
    author = item.get("author")
    return author.get("id") if isinstance(author, dict) else None


def _job(env: Mapping[str, str]) -> Job:
    workspace = Path(env.get("CI_PROJECT_DIR") or ".")
    tested = tested_commit(workspace) or env.get("CI_COMMIT_SHA", "")
    head = env.get("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA")
    job = Job(
        number(env.get("CI_PIPELINE_ID")),
        address(env.get("CI_JOB_URL", "")),
        "page and artifacts of this job",
        (),
        (f"git fetch origin {tested}", f"git checkout {tested}") if tested else (),
        workspace,
        env.get("PROMPTREG_COMMENT_NAME", "").strip(),
    )
    return job.with_commits(
        ("tested", tested),
        ("head", head if head != tested else None),
        ("base", env.get("CI_MERGE_REQUEST_DIFF_BASE_SHA")),
    )
