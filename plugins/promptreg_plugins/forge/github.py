"""GitHub Actions: summary, annotations, and one comment on the pull request."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from promptreg.verdicts import Comparison
from promptreg_plugins.forge import summary
from promptreg_plugins.forge.annotations import annotate
from promptreg_plugins.forge.api import Api
from promptreg_plugins.forge.job import ForgeError, Job, address, number, wants_comment
from promptreg_plugins.forge.output import annotation, say
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

__all__ = ["GithubNotes", "pull_request", "show", "show_failure"]

_LARGEST_EVENT = 25_000_000
_REPOSITORY = re.compile(r"[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+")
_ACTIONS_BOT = "github-actions[bot]"
_TARGET = (
    "event pull_request_target: its token may write, and the change was reviewed by nobody, so no "
    "comment is written there; use the event pull_request, or workflow_run after it"
)


def show(comparison: Comparison, env: Mapping[str, str], purpose: str = "decision") -> None:
    """Show a decision; of tests in the summary alone, for pytest shows them by itself."""
    event = _event(env)
    job = _job(env, event)
    with reported("step summary"):
        _summarise(
            env,
            lambda room: decision_page(
                comparison, job, room, shown=summary.SCENARIOS, size=summary.octets
            ),
        )
    if purpose != "tests":
        with reported("annotations"):
            annotate(comparison, job)
    if purpose != "decision":
        return
    with reported("pull-request comment"):
        _comment(
            env,
            event,
            job,
            (comparison.suite, comparison.suite_file),
            lambda marker: decision_page(
                comparison, job, COMMENT_LIMIT, shown=COMMENT_SCENARIOS, marker=str(marker)
            ),
            create=found_something(comparison),
        )


def show_failure(
    suite: str,
    suite_file: str,
    error: Exception,
    env: Mapping[str, str],
    purpose: str = "decision",
) -> None:
    """Show that there is no decision."""
    event = _event(env)
    job = _job(env, event)
    with reported("step summary"):
        _summarise(env, lambda _: failure_page(suite, error, job))
    annotation("error", f"promptreg {suite}: not decided".replace(" :", ":"), str(error))
    if purpose != "decision":
        return
    with reported("pull-request comment"):
        _comment(
            env,
            event,
            job,
            (suite, suite_file),
            lambda m: failure_page(m.name, error, job, marker=str(m)),
            create=worth_saying(suite, error),
        )


def _summarise(env: Mapping[str, str], page: Callable[[int], str]) -> None:
    if name := env.get("GITHUB_STEP_SUMMARY"):
        path = Path(name)
        summary.append(path, page(summary.room(path)))


def _comment(
    env: Mapping[str, str],
    event: Mapping[str, Any],
    job: Job,
    suite: tuple[str, str],
    body: Callable[[Marker], str],
    *,
    create: bool,
) -> None:
    token, why = wants_comment(env, "PROMPTREG_GITHUB_TOKEN", "GITHUB_TOKEN")
    if not token:
        if why:
            say(f"pull-request comment: {why}")
        return
    repository = env.get("GITHUB_REPOSITORY", "")
    if not _REPOSITORY.fullmatch(repository):
        raise ForgeError(f"GITHUB_REPOSITORY is {repository!r:.80}; it must be OWNER/NAME")
    which = pull_request(env.get("GITHUB_EVENT_NAME", ""), event)
    marker = Marker(job.name or suite[0], job.path_of(suite[1]), job.number)
    with closing(_api(env, token, event)) as api:
        notes = GithubNotes(api, repository, which, env)
        done = put(notes, marker, body, job, create=create)
    say(f"pull request {which}: {done}")


def _api(env: Mapping[str, str], token: str, event: Mapping[str, Any]) -> Api:
    fork = (
        "the pull request comes from a fork, whose token can only read"
        if _is_fork(event)
        else "the token may not write comments; the job needs 'permissions: pull-requests: write'"
    )
    return Api(
        "GitHub",
        env.get("GITHUB_API_URL") or "https://api.github.com",
        {
            "Authorization": f"Bearer {token}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
        },
        token,
        {
            401: "the token is not valid, or has expired",
            403: fork,
            404: "there is no such repository or pull request, or the token does not see it",
        },
    )


class GithubNotes:
    """The comments of a pull request on GitHub."""

    def __init__(self, api: Api, repository: str, which: int, env: Mapping[str, str]) -> None:
        self.api = api
        self._comments = f"/repos/{repository}/issues/{which}/comments"
        self._comment = f"/repos/{repository}/issues/comments"
        self._login = env.get("PROMPTREG_GITHUB_LOGIN", "").strip()

    def own(self) -> Iterable[Note]:
        """Return the comments written with this token's user, the oldest first."""
        mine = self._user().casefold()
        return [
            Note(item["id"], item["body"])
            for item in self.api.pages(self._comments)
            if isinstance(item.get("id"), int)
            and isinstance(item.get("body"), str)
            and _login(item).casefold() == mine
        ]

    def _user(self) -> str:
        if not self._login:
            # A token of an app, such as the one of Actions, is of no user and may not ask.
            reply = self.api.ask("GET", "/user", allow=(403, 404))
            told = reply.data.get("login") if isinstance(reply.data, dict) else None
            self._login = told if reply.status == 200 and isinstance(told, str) else _ACTIONS_BOT
        return self._login

    def create(self, body: str) -> None:
        """Write a new comment."""
        reply = self.api.ask("POST", self._comments, body={"body": body})
        author = _login(reply.data)
        if author and author.casefold() != self._login.casefold():
            say(
                f"pull-request comment: it was written by {author}; set "
                f"PROMPTREG_GITHUB_LOGIN={author}, or each run writes a new one"
            )

    def update(self, note: int, body: str) -> None:
        """Replace a comment's text."""
        self.api.ask("PATCH", f"{self._comment}/{note}", body={"body": body})

    def delete(self, note: int) -> None:
        """Remove a comment."""
        self.api.ask("DELETE", f"{self._comment}/{note}", allow=(404,))


def pull_request(name: str, event: Mapping[str, Any]) -> int:
    """Return the number of the pull request that an event is about.

    Raises:
        SkippedError: it is about none, or about one that must not be commented.
    """
    if name == "pull_request_target":
        raise SkippedError(_TARGET)
    found: Any = None
    if name == "workflow_run":
        several = _inner(event, "workflow_run").get("pull_requests")
        if not isinstance(several, list) or len(several) != 1:
            count = len(several) if isinstance(several, list) else 0
            raise SkippedError(
                f"event workflow_run names {count} pull requests (for one from a fork it names "
                "none); a comment needs exactly one"
            )
        found = several[0].get("number") if isinstance(several[0], dict) else None
    elif name == "issue_comment":
        issue = _inner(event, "issue")
        found = issue.get("number") if issue.get("pull_request") else None
    elif name.startswith("pull_request"):
        found = _inner(event, "pull_request").get("number")
    if isinstance(found, int) and not isinstance(found, bool) and found > 0:
        return found
    raise SkippedError(f"event {name[:60] or '(none)'} is about no pull request: no comment")


def _job(env: Mapping[str, str], event: Mapping[str, Any]) -> Job:
    workspace = Path(env.get("GITHUB_WORKSPACE") or ".")
    run = env.get("GITHUB_RUN_ID", "")
    server = env.get("GITHUB_SERVER_URL") or "https://github.com"
    repository = env.get("GITHUB_REPOSITORY", "")
    page = f"{server}/{repository}/actions/runs/{run}" if number(run) and repository else ""
    tested = tested_commit(workspace) or env.get("GITHUB_SHA", "")
    pull = _inner(event, "pull_request")
    head, base = _inner(pull, "head").get("sha"), _inner(pull, "base").get("sha")
    job = Job(
        number(run),
        address(page),
        "summary and artifacts of this run",
        (),
        (f"git fetch origin {tested}", f"git checkout {tested}") if tested else (),
        workspace,
        env.get("PROMPTREG_COMMENT_NAME", "").strip(),
    )
    return job.with_commits(
        ("tested", tested), ("head", head if head != tested else None), ("base", base)
    )


def _event(env: Mapping[str, str]) -> Mapping[str, Any]:
    """Return the event's payload; empty where there is none to read."""
    path = env.get("GITHUB_EVENT_PATH")
    if not path:
        return {}
    try:
        if Path(path).stat().st_size > _LARGEST_EVENT:
            return {}
        found = json.loads(Path(path).read_bytes())
    except (OSError, ValueError, RecursionError):
        say(f"GITHUB_EVENT_PATH: {path} holds no event that can be read")
        return {}
    return found if isinstance(found, dict) else {}


def _inner(value: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = value.get(key)
    return found if isinstance(found, dict) else {}


def _is_fork(event: Mapping[str, Any]) -> bool:
    pull = _inner(event, "pull_request")
    names = [_inner(_inner(pull, side), "repo").get("full_name") for side in ("head", "base")]
    return bool(pull) and names[0] != names[1]


def _login(item: Any) -> str:
    user = item.get("user") if isinstance(item, dict) else None
    login = user.get("login") if isinstance(user, dict) else None
    return login if isinstance(login, str) else ""
