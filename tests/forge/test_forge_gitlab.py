"""GitLab: one note on the merge request."""

from __future__ import annotations

import pytest

from comparison_factory import hostile_comparison, make_comparison
from forge_server import ForgeServer, Refusal, comment
from promptreg.errors import BudgetError
from promptreg_plugins.forge import comparison_failed, comparison_finished

TOKEN = "ghs_n0b0dyMayReadThis"
pytestmark = pytest.mark.usefixtures("no_waiting", "no_secret")


def gitlab(forge: ForgeServer, **more: str) -> dict[str, str]:
    env = {
        "GITLAB_CI": "true",
        "CI_API_V4_URL": forge.url,
        "CI_PROJECT_ID": "9",
        "CI_MERGE_REQUEST_IID": "12",
        "CI_PIPELINE_ID": "77",
        "CI_JOB_URL": "https://gitlab.com/team/cameras/-/jobs/1",
        "CI_COMMIT_SHA": "d" * 40,
        "PROMPTREG_GITLAB_TOKEN": TOKEN,
    }
    return {k: v for k, v in (env | more).items() if v}


def test_gitlab_has_one_note(forge: ForgeServer, capfd: pytest.CaptureFixture[str]) -> None:
    forge.login = "project_9_bot"
    forge.comments += [comment(i, "alice", "talk") for i in range(100)]
    comparison_finished(make_comparison(), gitlab(forge))
    comparison_finished(hostile_comparison(), gitlab(forge))
    first = forge.bodies[0]
    comparison_failed("home_security", "", BudgetError("spent"), gitlab(forge))
    assert "GATE FAIL" in first
    assert "NOT DECIDED" in forge.bodies[0]
    assert all(not line.lstrip().startswith("/") for b in forge.bodies for line in b.split("\n"))
    assert forge.tokens == {TOKEN}
    assert "::" not in capfd.readouterr().err  # no command: nobody would obey it


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"CI_MERGE_REQUEST_IID": ""}, "belongs to no merge request"),
        ({"CI_PROJECT_ID": "a/b"}, "must be numbers"),
        ({"PROMPTREG_GITLAB_TOKEN": ""}, ""),
    ],
)
def test_gitlab_without_what_it_needs(
    forge: ForgeServer, capfd: pytest.CaptureFixture[str], variables: dict[str, str], said: str
) -> None:
    comparison_finished(make_comparison(), gitlab(forge, **variables))
    err = capfd.readouterr().err
    assert said in err
    assert bool(err) is bool(said)
    assert forge.requests == []


def test_gitlab_s_refusals_are_told(forge: ForgeServer, capfd: pytest.CaptureFixture[str]) -> None:
    forge.login = "project_9_bot"
    forge.script.append(Refusal(403, "insufficient_scope", only="POST"))
    comparison_finished(make_comparison(), gitlab(forge))
    assert "it needs the scope 'api'" in capfd.readouterr().err
