"""One comment per suite: written once, updated by every run, never anybody else's."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from comparison_factory import make_comparison
from forge_server import BOT, ForgeServer, Refusal, comment
from promptreg.errors import BudgetError, StoppedError
from promptreg.verdicts import Comparison, GateVerdict
from promptreg_plugins.forge import comparison_failed, comparison_finished
from promptreg_plugins.forge.sticky import Marker

TOKEN = "ghs_n0b0dyMayReadThis"
Env = Callable[..., dict[str, str]]
pytestmark = pytest.mark.usefixtures("no_waiting", "no_secret")


def nothing_touched() -> Comparison:
    made = make_comparison(verdict=GateVerdict.PASS)
    side = dataclasses.replace(made.candidate, run_ids={})
    return dataclasses.replace(
        made, differences=(), limits=(), changes=(), template_diffs={}, candidate=side
    )


def test_written_once_then_updated(forge: ForgeServer, github: Env) -> None:
    forge.comments += [comment(i, "alice", f"talk {i}") for i in range(230)]
    comparison_finished(make_comparison(), github())
    comparison_finished(make_comparison(verdict=GateVerdict.PASS), github(GITHUB_RUN_ID="501"))
    (body,) = forge.bodies
    assert "GATE PASS" in body
    assert body.splitlines()[0] == str(Marker("home_security", "", 501))
    pages = [r for r in forge.requests if r.startswith("GET /repos")]
    assert len(pages) == 6  # of 100 comments, for each run
    assert forge.tokens == {f"Bearer {TOKEN}"}
    assert [c["body"] for c in forge.comments[:230]] == [f"talk {i}" for i in range(230)]


@pytest.mark.parametrize("purpose", ["promotion", "tests"])
def test_the_comment_is_the_gate_s_alone(forge: ForgeServer, github: Env, purpose: str) -> None:
    """What a promotion or a test says of some scenarios is not the verdict on the change."""
    comparison_finished(make_comparison(), github())
    comparison_finished(make_comparison(verdict=GateVerdict.PASS), github(), purpose=purpose)
    comparison_failed("home_security", "", BudgetError("spent"), github(), purpose=purpose)
    (body,) = forge.bodies
    assert "GATE FAIL" in body
    summary = Path(github()["GITHUB_STEP_SUMMARY"]).read_text("utf-8")
    assert "GATE PASS" in summary
    assert "spent" in summary


def test_what_others_wrote_stays(forge: ForgeServer, github: Env) -> None:
    forged = f"{Marker('home_security', '', 1)}\nlooks like ours"
    forge.comments.append(comment(1, "alice", forged))
    forge.comments.append(comment(2, BOT, f"quoting:\n> {forged}"))
    comparison_finished(make_comparison(), github())
    assert forge.comments[0]["body"] == forged
    assert "quoting" in forge.comments[1]["body"]
    assert len(forge.comments) == 3


def test_a_user_s_token_finds_its_own(forge: ForgeServer, github: Env) -> None:
    forge.login = "alice"
    for run in ("1", "2"):
        comparison_finished(make_comparison(), github(GITHUB_RUN_ID=run))
    assert len(forge.bodies) == 1


def test_an_app_is_told_to_say_its_name(
    forge: ForgeServer, github: Env, capfd: pytest.CaptureFixture[str]
) -> None:
    forge.login = "gatekeeper[bot]"
    comparison_finished(make_comparison(), github())
    assert "set PROMPTREG_GITHUB_LOGIN=gatekeeper[bot]" in capfd.readouterr().err
    comparison_finished(make_comparison(), github(PROMPTREG_GITHUB_LOGIN="gatekeeper[bot]"))
    assert len(forge.bodies) == 1


def test_suites_and_named_jobs_have_their_own(forge: ForgeServer, github: Env) -> None:
    other = dataclasses.replace(make_comparison(), suite="doors")
    for _ in range(2):
        comparison_finished(make_comparison(), github())
        comparison_finished(other, github())
        comparison_finished(other, github(PROMPTREG_COMMENT_NAME="doors, large model"))
    assert len(forge.bodies) == 3


def test_suites_of_one_name_are_told_apart_and_a_moved_one_is_found(
    forge: ForgeServer, github: Env, tmp_path: Path
) -> None:
    made = make_comparison()
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "promptreg.yaml").touch()
        file = str(tmp_path / name / "promptreg.yaml")
        comparison_finished(dataclasses.replace(made, suite_file=file), github())
    assert len(forge.bodies) == 2
    (tmp_path / "b").rename(tmp_path / "c")
    moved = dataclasses.replace(made, suite_file=str(tmp_path / "c" / "promptreg.yaml"))
    comparison_finished(moved, github())
    assert len(forge.bodies) == 2


def test_a_later_run_s_comment_stays_and_copies_go(forge: ForgeServer, github: Env) -> None:
    comparison_finished(make_comparison(), github(GITHUB_RUN_ID="900"))
    comparison_finished(make_comparison(verdict=GateVerdict.PASS), github(GITHUB_RUN_ID="899"))
    assert "GATE FAIL" in forge.bodies[0]
    forge.comments.append(comment(7, BOT, forge.bodies[0]))
    comparison_finished(make_comparison(verdict=GateVerdict.PASS), github(GITHUB_RUN_ID="901"))
    (body,) = forge.bodies
    assert "GATE PASS" in body


def test_nothing_touched_updates_and_does_not_begin(forge: ForgeServer, github: Env) -> None:
    comparison_finished(nothing_touched(), github())
    assert forge.bodies == []
    comparison_finished(make_comparison(), github())
    comparison_finished(nothing_touched(), github())
    (body,) = forge.bodies
    assert "GATE PASS" in body
    assert "nothing had to be compared" in body


def test_an_interrupted_run_updates_and_does_not_begin(forge: ForgeServer, github: Env) -> None:
    comparison_failed("home_security", "", StoppedError("interrupted"), github())
    assert forge.bodies == []
    comparison_finished(make_comparison(), github())
    comparison_failed("home_security", "", StoppedError("interrupted"), github())
    assert "NOT DECIDED — exit 130: interrupted" in forge.bodies[0]


def test_no_decision_replaces_an_old_pass(
    forge: ForgeServer, github: Env, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    passed = dataclasses.replace(
        make_comparison(verdict=GateVerdict.PASS), suite_file=str(tmp_path / "promptreg.yaml")
    )
    comparison_finished(passed, github())
    error = BudgetError("the budget of 5usd is spent\n/merge @everyone `x` <b>")
    # A suite file that cannot be read has no name: then the path tells.
    comparison_failed("", str(tmp_path / "promptreg.yaml"), error, github())
    (body,) = forge.bodies
    assert "GATE PASS" not in body
    assert "NOT DECIDED — exit 5" in body
    assert "the budget of 5usd is spent" in body
    assert "home_security" in body
    assert "\n/merge" not in body
    assert "NOT DECIDED" in (tmp_path / "summary.md").read_text("utf-8")
    assert "::error title=promptreg%3A not decided::the budget" in capfd.readouterr().err


@pytest.mark.parametrize(
    "refusals",
    [
        [Refusal(503, only="GET")],
        [Refusal(502, only="POST"), Refusal(0, only="GET")],
        [Refusal(500, only="POST", after=True)],  # it was written; a second would be one too many
        [Refusal(0, only="POST", after=True)],
        [Refusal(403, "You have exceeded a secondary rate limit", only="POST")],
        [Refusal(429, headers={"retry-after": "3"}, only="POST")],
        [Refusal(403, headers={"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1"})],
    ],
)
def test_hiccups_are_survived_with_one_comment(
    forge: ForgeServer, github: Env, refusals: list[Refusal], no_waiting: list[float]
) -> None:
    forge.script += refusals
    comparison_finished(make_comparison(), github())
    assert len(forge.bodies) == 1
    assert no_waiting
    assert max(no_waiting) <= 60


@pytest.mark.parametrize(
    ("refusal", "said"),
    [
        (Refusal(401, "Bad credentials"), "401 Bad credentials (the token is not valid"),
        (Refusal(403, "Resource not accessible", only="POST"), "permissions: pull-requests: write"),
        (Refusal(404, "Not Found", only="POST"), "there is no such repository or pull request"),
        (Refusal(301, "Moved", {"location": "https://evil.example/"}), "it has moved"),
        (Refusal(422, f"echo {TOKEN}", only="POST"), "422 echo ***"),
        (Refusal(429, headers={"retry-after": "4000"}), "its rate limit is spent"),
    ],
)
def test_refusals_are_told_in_one_line(
    forge: ForgeServer,
    github: Env,
    capfd: pytest.CaptureFixture[str],
    refusal: Refusal,
    said: str,
) -> None:
    forge.script.append(refusal)
    comparison_finished(make_comparison(), github())
    (line,) = [s for s in capfd.readouterr().err.splitlines() if "GitHub said" in s]
    assert line.startswith("::warning title=promptreg::pull-request comment: ")
    assert said in line.replace("%3A", ":")
    assert TOKEN not in line
    assert forge.bodies == []


def test_a_fork_is_explained(
    forge: ForgeServer, github: Env, capfd: pytest.CaptureFixture[str]
) -> None:
    event = {
        "pull_request": {
            "number": 12,
            "head": {"repo": {"full_name": "stranger/cameras"}},
            "base": {"repo": {"full_name": "team/cameras"}},
        }
    }
    forge.script.append(Refusal(403, "Resource not accessible by integration", only="POST"))
    comparison_finished(make_comparison(), github(event))
    assert "comes from a fork, whose token can only read" in capfd.readouterr().err


EVENTS = [
    ("pull_request_target", {"pull_request": {"number": 12}}, "its token may write"),
    ("push", {"ref": "x"}, "event push is about no pull request"),
    ("workflow_run", {"workflow_run": {"pull_requests": []}}, "names 0 pull requests"),
    ("workflow_run", {"workflow_run": {"pull_requests": [{"number": 12}]}}, ""),
    ("issue_comment", {"issue": {"number": 12, "pull_request": {"url": "x"}}}, ""),
    ("issue_comment", {"issue": {"number": 12}}, "is about no pull request"),
    ("pull_request", {"pull_request": {"number": "12; rm"}}, "is about no pull request"),
    ("pull_request", [1], "is about no pull request"),
]


@pytest.mark.parametrize(("name", "event", "said"), EVENTS)
def test_events(
    forge: ForgeServer,
    github: Env,
    capfd: pytest.CaptureFixture[str],
    name: str,
    event: object,
    said: str,
) -> None:
    comparison_finished(make_comparison(), github(event, name))
    err = capfd.readouterr().err
    assert said in err
    assert len(forge.bodies) == (0 if said else 1)


@pytest.mark.parametrize(
    ("variables", "written", "said"),
    [
        ({"PROMPTREG_GITHUB_TOKEN": ""}, False, ""),
        ({"PROMPTREG_GITHUB_TOKEN": "", "GITHUB_TOKEN": TOKEN}, False, ""),
        (
            {"PROMPTREG_GITHUB_TOKEN": "", "GITHUB_TOKEN": TOKEN, "PROMPTREG_COMMENT": "true"},
            True,
            "",
        ),
        ({"PROMPTREG_GITHUB_TOKEN": "", "PROMPTREG_COMMENT": "1"}, False, "there is no token"),
        ({"PROMPTREG_COMMENT": "no"}, False, ""),
        ({"PROMPTREG_COMMENT": "maybe"}, False, "allowed: 1, on, true, yes or 0, false, no, off"),
        ({"GITHUB_API_URL": "http://api.example.org"}, False, "must begin with https"),
        ({"GITHUB_REPOSITORY": "a/b/../c"}, False, "it must be OWNER/NAME"),
    ],
)
def test_a_comment_needs_a_token_given_for_it(
    forge: ForgeServer,
    github: Env,
    capfd: pytest.CaptureFixture[str],
    variables: dict[str, str],
    written: bool,
    said: str,
) -> None:
    comparison_finished(make_comparison(), github(**variables))
    assert bool(forge.bodies) is written
    err = capfd.readouterr().err
    assert said in err
    assert ("comment" in err) is bool(said or written)


def test_outside_of_ci_nothing_happens(
    forge: ForgeServer, github: Env, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    comparison_finished(make_comparison(), github(GITHUB_ACTIONS=""))
    comparison_failed("x", "", ValueError("x"), github(GITHUB_ACTIONS="false"))
    assert capfd.readouterr().err == ""
    assert not (tmp_path / "summary.md").exists()
    assert forge.requests == []
