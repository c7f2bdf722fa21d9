"""What the API tells of suites, templates, scenarios, runs, trials, jobs and tokens."""

from __future__ import annotations

import hashlib

import httpx
import pytest

from promptreg_plugins.web.model import JobState
from service_fake import FAILED, FINISHED, RUNNING, FakeService

SUITE = "/api/v1/suites/home_security"
RUN = f"{SUITE}/runs/basic-v2-81097c920d"
COMPARE = {"suite": "home_security", "baseline": "v1", "candidate": "v2"}


async def test_suites_with_templates_and_the_one_that_cannot_be_opened(
    reader: httpx.AsyncClient,
) -> None:
    suites = (await reader.get("/api/v1/suites")).json()
    good, broken = suites["items"]
    assert (suites["total"], good["scenarios"], len(good["templates"])) == (2, 132, 5)
    assert "gate.alpha is 2" in broken["problem"]
    assert (await reader.get(SUITE)).json() == good
    templates = (await reader.get(f"{SUITE}/templates")).json()["items"]
    assert templates == good["templates"]
    assert (await reader.get(f"{SUITE}/templates/basic")).json() == templates[0]


async def test_texts_by_label_alias_and_hash(reader: httpx.AsyncClient) -> None:
    v1 = (await reader.get(f"{SUITE}/templates/basic/versions/v1")).json()
    assert v1["hash"] == hashlib.sha256(v1["text"].encode()).hexdigest()
    for ref in ("production", f"sha256:{v1['hash'][:12]}"):
        same = (await reader.get(f"{SUITE}/templates/basic/versions/{ref}")).json()
        assert same["text"] == v1["text"]


async def test_a_diff_names_both_sides(reader: httpx.AsyncClient) -> None:
    where = f"{SUITE}/templates/basic/diff"
    diff = (await reader.get(where, params={"baseline": "v1", "candidate": "v2"})).json()
    assert diff["lines"][:2] == ["--- v1", "+++ v2"]
    assert any("CALIBRATION" in line for line in diff["lines"] if line.startswith("+"))
    same = await reader.get(where, params={"baseline": "v1", "candidate": "production"})
    assert (same.json()["same"], same.json()["lines"]) == (True, [])


async def test_scenarios_are_filtered_searched_and_paged(reader: httpx.AsyncClient) -> None:
    where = f"{SUITE}/scenarios"
    threats = await reader.get(where, params={"filter": "scenario_type=threat", "limit": 5})
    page = threats.json()
    assert (len(page["items"]), page["total"], page["limit"]) == (5, 30, 5)
    rest = await reader.get(where, params={"filter": "scenario_type=threat", "offset": 28})
    assert len(rest.json()["items"]) == 2
    both = ["scenario_type=threat", "primary_object=person"]
    fewer = await reader.get(where, params={"filter": both, "q": "handle"})
    assert 0 < fewer.json()["total"] < 30
    one = (await reader.get(f"{where}/{page['items'][0]['id']}")).json()
    assert one["ground_truth"]["risk_range"] == page["items"][0]["ground_truth"]["risk_range"]


async def test_runs_and_trials(reader: httpx.AsyncClient) -> None:
    runs = (await reader.get(f"{SUITE}/runs")).json()
    assert [run["problem"] for run in runs["items"]] == [None, None, "manifest.json is missing"]
    assert (await reader.get(RUN)).json()["failed"] == 2
    failed = (await reader.get(f"{RUN}/trials", params={"failed": True})).json()
    assert failed["total"] == 2
    assert all(trial["prompt"] is None for trial in failed["items"])
    whole = (await reader.get(f"{RUN}/trials/child_home-1/0")).json()
    assert "GUIDING PRINCIPLE" in whole["prompt"]
    assert whole["answer"]["risk_score"] == 25


async def test_trend_and_plugins(reader: httpx.AsyncClient) -> None:
    trend = (await reader.get(f"{SUITE}/trend", params={"metric": "in_range"})).json()
    assert [point["value"] for point in trend["points"]] == [0.2803, 0.2803, 0.4773]
    plugins = (await reader.get("/api/v1/plugins")).json()["items"]
    assert plugins[2]["problem"] == "No module named 'shout'"


async def test_a_comparison_from_asking_to_report(
    runner: httpx.AsyncClient, service: FakeService
) -> None:
    asked = await runner.post("/api/v1/comparisons", json=COMPARE)
    assert (asked.status_code, asked.json()["state"]) == (202, "queued")
    place = asked.headers["location"]
    assert place == f"/api/v1/comparisons/{asked.json()['id']}"
    job_id = asked.json()["id"]
    while not (await service.advance(job_id)).state.final:
        pass
    done = (await runner.get(place)).json()
    assert (done["state"], done["verdict"], done["exit_code"]) == ("finished", "fail", 0)
    log = await runner.get(f"{place}/artifacts/log.txt")
    assert log.headers["content-type"] == "text/plain; charset=utf-8"
    service.files["report.json"] = b'{"schema_version": 3, "gate": {"verdict": "fail"}}'
    report = (await runner.get(f"{place}/report")).json()
    assert report["gate"]["verdict"] == "fail"


async def test_a_gate_is_no_comparison(runner: httpx.AsyncClient) -> None:
    gate = await runner.post("/api/v1/gates", json={**COMPARE, "options": {"alpha": 0.01}})
    job_id = gate.json()["id"]
    assert gate.headers["location"] == f"/api/v1/gates/{job_id}"
    assert gate.json()["request"]["options"] == {"alpha": 0.01}
    wrong = await runner.get(f"/api/v1/comparisons/{job_id}")
    assert (wrong.status_code, wrong.json()["field"]) == (404, "job_id")
    listed = (await runner.get("/api/v1/gates", params={"limit": 1})).json()
    assert (listed["items"][0]["id"], listed["total"]) == (job_id, 2)
    assert (await runner.get("/api/v1/comparisons")).json()["total"] == 1


async def test_runs_are_asked_for_where_they_are_stored(runner: httpx.AsyncClient) -> None:
    asked = await runner.post(f"{SUITE}/runs", json={"refs": ["v2"], "options": {"limit": 10}})
    assert asked.status_code == 202
    job = (await runner.get(asked.headers["location"])).json()
    assert (job["request"]["kind"], job["request"]["refs"]) == ("run", ["v2"])


async def test_jobs_are_stopped_and_go_on(runner: httpx.AsyncClient) -> None:
    stopped = await runner.post(f"/api/v1/jobs/{RUNNING}/cancel")
    assert (stopped.status_code, stopped.json()["state"]) == (200, "cancelled")
    again = await runner.post(f"/api/v1/jobs/{RUNNING}/cancel")
    assert (again.status_code, again.json()["type"]) == (409, "urn:promptreg:problem:conflict")
    assert (await runner.post(f"/api/v1/jobs/{RUNNING}/resume")).json()["state"] == "queued"
    assert (await runner.post(f"/api/v1/jobs/{FINISHED}/resume")).status_code == 409
    failed = (await runner.get("/api/v1/jobs", params={"state": "failed"})).json()["items"]
    assert [job["id"] for job in failed] == [FAILED]


async def test_the_same_key_is_the_same_job(
    runner: httpx.AsyncClient, admin: httpx.AsyncClient, service: FakeService
) -> None:
    key = {"Idempotency-Key": "build-4711"}
    first = await runner.post("/api/v1/comparisons", json=COMPARE, headers=key)
    await service.advance(first.json()["id"])
    second = await runner.post("/api/v1/comparisons", json=COMPARE, headers=key)
    assert second.json()["id"] == first.json()["id"]
    assert (second.status_code, second.json()["state"]) == (202, "running")
    other = {**COMPARE, "candidate": "v1"}
    clash = await runner.post("/api/v1/comparisons", json=other, headers=key)
    assert (clash.status_code, clash.json()["field"]) == (409, "Idempotency-Key")
    gate = await runner.post("/api/v1/gates", json=COMPARE, headers=key)
    assert gate.status_code == 409
    theirs = await admin.post("/api/v1/comparisons", json=COMPARE, headers=key)
    assert theirs.json()["id"] != first.json()["id"]


async def test_a_refused_request_does_not_use_up_its_key(
    runner: httpx.AsyncClient, service: FakeService
) -> None:
    key = {"Idempotency-Key": "build-4712"}
    service.down = True
    # The token cannot be checked either: refused before anything is done.
    assert (await runner.post("/api/v1/comparisons", json=COMPARE, headers=key)).status_code == 503
    service.down = False
    wrong = {**COMPARE, "candidate": "v9"}
    assert (await runner.post("/api/v1/gates", json=wrong, headers=key)).status_code == 422
    mended = await runner.post("/api/v1/gates", json=COMPARE, headers=key)
    assert mended.status_code == 202


async def test_files_have_tags_and_names(reader: httpx.AsyncClient) -> None:
    where = f"/api/v1/jobs/{FINISHED}/artifacts/log.txt"
    file = await reader.get(where)
    assert file.headers["cache-control"] == "private, no-cache"
    tag = {"If-None-Match": file.headers["etag"]}
    unchanged = await reader.get(where, headers=tag)
    assert (unchanged.status_code, unchanged.content) == (304, b"")


@pytest.mark.parametrize("state", list(JobState))
async def test_every_state_can_be_asked_for(reader: httpx.AsyncClient, state: JobState) -> None:
    jobs = (await reader.get("/api/v1/jobs", params={"state": state.value})).json()["items"]
    assert all(job["state"] == state for job in jobs)


async def test_tokens_are_made_and_revoked_by_administrators(
    admin: httpx.AsyncClient, runner: httpx.AsyncClient, nobody: httpx.AsyncClient
) -> None:
    assert (await runner.get("/api/v1/tokens")).status_code == 403
    made = await admin.post("/api/v1/tokens", json={"name": "nightly", "role": "read"})
    assert made.status_code == 201
    theirs = {"Authorization": f"Bearer {made.json()['token']}"}
    assert (await nobody.get("/api/v1/jobs", headers=theirs)).status_code == 200
    listed = await admin.get("/api/v1/tokens")
    assert made.json()["token"] not in listed.text
    again = await admin.post("/api/v1/tokens", json={"name": "nightly", "role": "run"})
    assert again.status_code == 409
    gone = await admin.delete("/api/v1/tokens/nightly")
    assert gone.json()["revoked_at"]
    assert (await nobody.get("/api/v1/jobs", headers=theirs)).status_code == 401
    assert (await admin.delete("/api/v1/tokens/nightly")).status_code == 404


async def test_a_plan_is_told_to_who_may_run(
    runner: httpx.AsyncClient, reader: httpx.AsyncClient, service: FakeService
) -> None:
    asked = await runner.post("/api/v1/plans", json=COMPARE)
    assert asked.status_code == 200, asked.text
    told = asked.json()
    figures = ("trials", "cached", "calls", "model_calls", "cost")
    assert tuple(told[name] for name in figures) == (264, 164, 100, 232, 0.42)
    assert told["models"][0]["calls"] == 232
    assert "basis" not in told["detectable"][0]
    assert [who.name for _, who in service.plans] == ["ci"]
    assert (await reader.post("/api/v1/plans", json=COMPARE)).status_code == 403
    odd = await runner.post("/api/v1/plans", json={**COMPARE, "candidate": "v9"})
    assert odd.status_code == 422
    assert (await runner.post("/api/v1/plans", json={**COMPARE, "suite": "x"})).status_code == 404
