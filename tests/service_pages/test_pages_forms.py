"""What forms do: a comparison is asked for, a job stopped and taken up again."""

from __future__ import annotations

from typing import NoReturn
from urllib.parse import urlencode

import httpx
import pytest

from promptreg_plugins.web.model import JobKind, JobRequest, JobState, Role, Who
from promptreg_plugins.web.pages.wording import command_line
from promptreg_plugins.web.problems import UnavailableError
from service_fake import FAILED, FINISHED, RUNNING
from service_fake_data import SUITE
from service_pages_site import Site, read

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


async def send(site: Site, address: str, **fields: str) -> httpx.Response:
    body = urlencode({"csrf": "a-word-of-the-session", **fields})
    return await site.client.post(address, content=body, headers=FORM)


async def test_a_comparison_is_asked_for(site: Site) -> None:
    response = await send(
        site, f"/suites/{SUITE}/jobs", kind="gate", template="basic", baseline="v1",
        candidate="v2", where=" label = benign ", repeats="2", limit="", budget="500",
    )  # fmt: skip
    assert response.status_code == 303
    job = await site.service.job(response.headers["location"].removeprefix("/jobs/"))
    assert job.by == "anna"
    assert job.request.kind is JobKind.GATE
    assert job.request.refs == ("v1", "v2")
    assert job.request.options == {
        "template": ["basic"], "where": {"label": "benign"}, "repeats": 2, "budget": "500",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"baseline": "v1"}, "say which version is the candidate"),
        ({"baseline": "v1", "candidate": "v9"}, "names no version"),
        ({"baseline": "v1", "candidate": "v2", "repeats": "0"}, "the least is 1"),
        ({"baseline": "v1", "candidate": "v2", "limit": "-1"}, "allowed is 0 to"),
        ({"baseline": "v1", "candidate": "v2", "where": "label"}, "attribute=value"),
        ({"baseline": "v1", "candidate": "v2", "kind": "run"}, "allowed are compare, gate"),
    ],
)
async def test_a_slip_is_named_and_nothing_has_to_be_typed_again(
    site: Site, fields: dict[str, str], says: str
) -> None:
    before = (await site.service.jobs(suite=None, state=None, offset=0, limit=1)).total
    response = await send(site, f"/suites/{SUITE}/jobs", **fields)
    assert response.status_code == 422
    assert says in response.text
    assert 'role="alert"' in response.text
    assert 'name="baseline" list="refs" required' in response.text
    assert 'value="v1"' in response.text
    assert (await site.service.jobs(suite=None, state=None, offset=0, limit=1)).total == before


async def test_what_it_would_cost_is_shown_before_anything_starts(site: Site) -> None:
    before = (await site.service.jobs(suite=None, state=None, offset=0, limit=1)).total
    response = await send(
        site, f"/suites/{SUITE}/plan", kind="gate", template="basic", baseline="v1",
        candidate="v2", where="label=benign", repeats="2", budget="500",
    )  # fmt: skip
    assert response.status_code == 200
    ((request, who),) = site.service.plans
    assert (who.name, request.refs) == ("anna", ("v1", "v2"))
    assert request.options["repeats"] == 2
    found = read(response.text)
    words = "".join(found.text.split())
    for figure in (
        "Trials 264", "Answered already 164", "Calls to make 100", "Calls by judges 232",
        "Cost without judges about 0.42", "basic@v2 132 32 ~41,200 unknown",
        "judge 'reasoning' openai gpt-oss-20b 232 32 ~98,000 unknown not known", "±7.1pp",
    ):  # fmt: skip
        assert figure.replace(" ", "") in words
    assert {"class": "main", "form": "ask"} in found.all("button")
    filled = {tag["name"]: tag.get("value") for tag in found.all("input")}
    assert (filled["baseline"], filled["where"], filled["repeats"]) == ("v1", "label=benign", "2")
    assert (await site.service.jobs(suite=None, state=None, offset=0, limit=1)).total == before


async def test_a_plan_that_is_refused_says_why_on_the_form(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = f"/suites/{SUITE}/plan"
    slip = await send(site, address, baseline="v1", candidate="v9")
    assert (slip.status_code, "names no version" in slip.text) == (422, True)
    assert 'value="v9"' in slip.text

    async def slow(*_: object) -> NoReturn:
        raise UnavailableError("the plan took longer than 60 s")

    async def odd(*_: object) -> dict[str, str]:
        return {"trials": "many"}

    for answer, status, says in ((slow, 503, "longer than 60 s"), (odd, 409, "cannot be read")):
        monkeypatch.setattr(site.service, "plan", answer)
        refused = await send(site, address, baseline="v1", candidate="v2")
        assert (refused.status_code, says in refused.text) == (status, True)
    site.asker.who = Who("eve", Role.READ)
    assert (await send(site, address, baseline="v1", candidate="v2")).status_code == 403
    back = await site.client.get(address)
    assert (back.status_code, back.headers["location"]) == (303, f"/suites/{SUITE}")


async def test_a_job_is_cancelled_and_resumed(site: Site) -> None:
    response = await send(site, f"/jobs/{RUNNING}/cancel")
    assert (response.status_code, response.headers["location"]) == (303, f"/jobs/{RUNNING}")
    assert (await site.service.job(RUNNING)).state is JobState.CANCELLED
    assert (await send(site, f"/jobs/{RUNNING}/cancel")).status_code == 409
    assert (await send(site, f"/jobs/{FAILED}/resume")).status_code == 303
    assert (await site.service.job(FAILED)).state is JobState.QUEUED
    assert (await send(site, f"/jobs/{FINISHED}/resume")).status_code == 409


async def test_who_may_only_read_changes_nothing(site: Site) -> None:
    site.asker.who = Who("eve", Role.READ)
    response = await send(site, f"/jobs/{RUNNING}/cancel")
    assert response.status_code == 403
    assert "takes role run" in response.text
    assert (await send(site, f"/suites/{SUITE}/jobs")).status_code == 403
    assert (await site.service.job(RUNNING)).state is JobState.RUNNING
    site.asker.who = None
    assert (await send(site, f"/jobs/{RUNNING}/cancel")).status_code == 401


async def test_what_is_no_form_is_refused(site: Site) -> None:
    address = f"/suites/{SUITE}/jobs"
    assert (await site.client.post(address, json={"baseline": "v1"})).status_code == 422
    large = await site.client.post(address, content=b"a=" + b"x" * 70_000, headers=FORM)
    assert large.status_code == 413
    odd = await site.client.post(address, content="a=\xff".encode("latin-1"), headers=FORM)
    assert odd.status_code == 422


def test_the_command_line_is_quoted() -> None:
    request = JobRequest(
        JobKind.COMPARE, SUITE, ("v1", "a b; rm"),
        {"where": {"k": "it's"}, "sequential": True, "no_cache": False, "margin": {"m": 0.05},
         "template": ["a", "b"], "alpha": 0.05},
    )  # fmt: skip
    assert command_line(request, "x/promptreg.yaml") == (
        "promptreg compare v1 'a b; rm' -c promptreg.yaml --alpha 0.05 --margin m=0.05 "
        "--sequential --template a --template b --filter 'k=it'\"'\"'s'"
    )
