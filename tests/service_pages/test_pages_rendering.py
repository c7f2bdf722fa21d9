"""Every page renders, says what there is, and says so when there is nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from promptreg_plugins.web.model import (
    Job,
    JobState,
    Page,
    Role,
    RunInfo,
    ScenarioRow,
    SuiteInfo,
    Who,
)
from service_fake import FAILED, FINISHED, RUNNING, FakeService
from service_fake_data import BROKEN, SUITE, scenarios
from service_pages_site import Site, read, site_of

V1, V2 = "basic-v1-9ec9c47e25", "basic-v2-81097c920d"
FIRST, SECOND = scenarios()[0].id, scenarios()[1].id
PAGES = (
    "/",
    f"/suites/{SUITE}",
    f"/suites/{SUITE}/templates/basic",
    f"/suites/{SUITE}/scenarios",
    f"/suites/{SUITE}/scenario?id={FIRST}",
    f"/suites/{SUITE}/runs",
    f"/suites/{SUITE}/runs/{V1}",
    f"/suites/{SUITE}/trial?run={V2}&against={V1}&scenario={FIRST}",
    "/jobs",
    f"/jobs/{FINISHED}",
    f"/jobs/{FAILED}",
    f"/jobs/{RUNNING}",
    "/runs",
    "/plugins",
)


@pytest.mark.parametrize("address", PAGES)
async def test_every_page_has_what_makes_it_usable(site: Site, address: str) -> None:
    document = await site.get(address)
    found = read(document)
    ids = [a["id"] for _, a in found.tags if "id" in a]
    assert len(ids) == len(set(ids))
    assert [a.get("id") for a in found.all("main")] == ["main"]
    assert len(found.all("h1")) == 1
    assert len(found.all("caption")) == len(found.all("table"))
    assert any(a.get("class") == "skip" and a.get("href") == "#main" for a in found.all("a"))
    labelled = [a["aria-labelledby"] for _, a in found.tags if "aria-labelledby" in a]
    assert {one for words in labelled for one in str(words).split()} <= set(ids)
    # Nothing inline and nothing from elsewhere: the policy would refuse it.
    assert not any("style" in a for _, a in found.tags)
    assert not any(name.startswith("on") for _, a in found.tags for name in a)
    assert all(str(a.get("src", "")).startswith("/static/") for a in found.all("script"))
    assert "<style" not in document
    for form in found.all("form"):
        if form.get("method") == "post":
            assert document.count('name="csrf" value="a-word-of-the-session"') >= 1


async def test_dashboard_shows_suites_running_jobs_and_a_suite_that_does_not_open(
    site: Site,
) -> None:
    text = read(await site.get("/")).text
    assert "17 of 132" in text
    assert "gate.alpha is 2; allowed are 0.001 to 0.5" in text
    assert "DOES NOT OPEN" in text
    assert "FAIL" in text
    assert "v2 against v1" in text


async def test_a_trend_that_cannot_be_had_does_not_take_the_dashboard_with_it() -> None:
    class NoTrend(FakeService):
        async def trend(
            self, suite: str, metric: str, template: str | None
        ) -> list[dict[str, Any]]:
            self.down = True
            self._up()
            raise AssertionError

        async def suites(self) -> list[SuiteInfo]:
            self.down = False
            return await super().suites()

        async def jobs(self, **what: Any) -> Page[Job]:
            self.down = False
            return await super().jobs(**what)

    made = site_of(NoTrend())
    async with made.client:
        assert SUITE in await made.get("/")


async def test_empty_states() -> None:
    class Empty(FakeService):
        async def suites(self) -> list[SuiteInfo]:
            return [SuiteInfo("bare", "bare.yaml", "echo")]

        async def suite(self, name: str) -> SuiteInfo:
            return (await self.suites())[0]

        async def runs(self, suite: str) -> list[RunInfo]:
            return []

    made = site_of(Empty(seeded=False))
    async with made.client:
        assert "Nothing is running." in await made.get("/")
        assert "Nothing was compared here yet." in await made.get("/")
        assert "No job was asked for yet." in await made.get("/jobs")
        assert "No job is like that." in await made.get("/jobs?state=failed")
        assert "No run is stored yet" in await made.get("/runs")
        suite = await made.get("/suites/bare")
        assert "No comparison that was asked for here tells about any metric yet." in suite
        assert "No scenario is like that." in await made.get(f"/suites/{SUITE}/scenarios?q=zzz")


async def test_refusals_are_pages_that_say_what_to_do(site: Site) -> None:
    assert "The address may be old" in await site.get("/suites/nowhere", 404)
    assert "no suite is called" in await site.get("/suites/nowhere", 404)
    assert "allowed are" in await site.get("/jobs?state=odd", 422)
    assert "no attribute is called" in await site.get(f"/suites/{SUITE}/scenarios?a.x=1", 422)
    assert "offset is" in await site.get(f"/suites/{SUITE}/scenarios?offset=-3", 422)
    broken = await site.get(f"/suites/{BROKEN}", 503)
    assert "gate.alpha is 2" in broken
    assert "promptreg validate -c" in broken
    site.service.down = True
    down = await site.get("/", 503)
    assert "Nothing is lost" in down
    assert 'http-equiv="refresh"' in down


async def test_only_our_files_are_served(site: Site) -> None:
    head = await site.get("/")
    address = re.search(r'href="(/static/promptreg\.css\?v=[0-9a-f]+)"', head)
    assert address
    style = await site.client.get(address[1])
    assert style.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert "--paper" in style.text
    again = await site.client.get(
        "/static/promptreg.css", headers={"If-None-Match": style.headers["etag"]}
    )
    assert again.status_code == 304
    for name in ("../pages/router.py", "..%2Fpages%2Frouter.py", "none.css"):
        assert (await site.client.get(f"/static/{name}")).status_code == 404


async def test_trials_side_by_side_and_their_neighbours(site: Site) -> None:
    document = await site.get(f"/suites/{SUITE}/trial?run={V2}&against={V1}&scenario={FIRST}")
    found = read(document)
    assert "1 of 132" in found.text
    assert found.text.index("basic@v1") < found.text.index("basic@v2")
    following = [a["href"] for a in found.all("a") if a.get("rel") == "next"]
    assert following
    second = await site.get(str(following[0]))
    assert "2 of 132" in second
    assert f"<h1>{SECOND}" in second
    assert "against=" + V1 in second
    assert "Prompt, exactly as sent" in second
    assert "the scenario names no key points" in second


async def test_neighbours_keep_to_the_filter_they_came_from(site: Site) -> None:
    listed = read(await site.get(f"/suites/{SUITE}/runs/{V2}?failed=yes"))
    links = [str(a["href"]) for a in listed.all("a") if "/trial?" in str(a.get("href"))]
    assert len(links) == 2
    trial = await site.get(links[0])
    assert "1 of 2" in trial
    assert "<strong>Failed:</strong>" in trial


async def test_a_trial_that_the_other_run_lacks_is_said(site: Site) -> None:
    address = f"/suites/{SUITE}/trial?run={V2}&against=basic-v1-0000000000&scenario={FIRST}"
    assert "there is no run" in await site.get(address)


async def test_scenarios_are_searched_filtered_and_paged(site: Site) -> None:
    document = await site.get(f"/suites/{SUITE}/scenarios?offset=50")
    assert "51 to 100 of 132" in document
    found = read(document)
    assert {a.get("rel") for a in found.all("a")} >= {"prev", "next"}
    some = await site.get(f"/suites/{SUITE}/scenarios?q=dog&a.label=benign")
    assert "<mark>" in some
    listed = [str(a["href"]) for a in read(some).all("a") if "/scenario?id=" in str(a.get("href"))]
    wanted = [
        s.id
        for s in scenarios()
        if s.attributes.get("label") == "benign" and "dog" in str(s.variables).lower()
    ]
    assert len(listed) == len(wanted) > 0


@pytest.mark.parametrize(("role", "allowed"), [(Role.READ, False), (Role.RUN, True)])
async def test_buttons_are_there_for_who_may_use_them(
    site: Site, role: Role, allowed: bool
) -> None:
    site.asker.who = Who("eve", role)
    assert ("Start</button>" in await site.get(f"/suites/{SUITE}")) is allowed
    assert ("Cancel</button>" in await site.get(f"/jobs/{RUNNING}")) is allowed
    assert ("Resume</button>" in await site.get(f"/jobs/{FAILED}")) is allowed


async def test_a_job_without_a_result_says_what_to_do(site: Site) -> None:
    document = await site.get(f"/jobs/{FAILED}")
    assert "refuses every call" in document
    assert "resume goes on where it stopped" in document


async def test_a_running_job_can_be_followed_without_a_script(site: Site) -> None:
    document = await site.get(f"/jobs/{RUNNING}")
    assert '<noscript><meta http-equiv="refresh"' in document
    assert f'data-events="/api/v1/jobs/{RUNNING}/events"' in document
    assert 'value="17"' in document


async def test_a_job_of_a_suite_that_is_no_longer_served_can_be_read(site: Site) -> None:
    from dataclasses import replace

    job = await site.service.job(FINISHED)
    site.service._jobs[FINISHED] = replace(job, request=replace(job.request, suite="gone"))
    document = await site.get(f"/jobs/{FINISHED}")
    assert "Do not merge" in document
    assert "The texts cannot be shown" in document


async def test_a_damaged_result_is_said_and_its_files_stay_reachable(site: Site) -> None:
    class Damaged(FakeService):
        async def report(self, job_id: str) -> dict[str, Any]:
            return {"schema_version": "99", "baseline": []}

    made = site_of(Damaged())
    async with made.client:
        document = await made.get(f"/jobs/{FINISHED}")
    assert "The stored result cannot be shown here" in document
    assert "artifacts/report.html" in document


async def test_states_of_a_job_are_final_or_followed(site: Site) -> None:
    job = await site.service.job(RUNNING)
    assert job.state is JobState.RUNNING
    await site.service.cancel(RUNNING, Who("a", Role.RUN))
    document = await site.get(f"/jobs/{RUNNING}")
    assert "data-events" not in document
    assert "Somebody stopped it." in document


async def test_health_of_parts_is_shown(site: Site) -> None:
    class Ill(FakeService):
        async def healthy(self) -> Mapping[str, str]:
            return {"database": "does not answer", "store": "ok"}

    made = site_of(Ill())
    async with made.client:
        text = read(await made.get("/plugins")).text
    assert "database: does not answer" in text
    assert "No module named 'shout'" in text


async def test_images_are_shown_as_nothing_but_images(site: Site) -> None:
    class Seeing(FakeService):
        async def scenario(self, suite: str, scenario_id: str) -> ScenarioRow:
            found = await super().scenario(suite, scenario_id)
            return replace(found, images=("/srv/suite/images/door.png",))

    made = site_of(Seeing())
    pages = (f"scenario?id={FIRST}", f"trial?run={V2}&scenario={FIRST}")
    async with made.client:
        for page in pages:
            document = await made.get(f"/suites/{SUITE}/{page}")
            assert "/srv/" not in document
            (shown,) = read(document).all("img")
            assert shown["alt"] == "door.png"
        image = await made.client.get(shown["src"] or "")
        assert image.headers["content-type"] == "image/png"
        assert image.headers["content-security-policy"] == "default-src 'none'; sandbox"
        assert image.headers["x-content-type-options"] == "nosniff"
        await made.get(f"/suites/{SUITE}/image?id={FIRST}&n=1", 404)
