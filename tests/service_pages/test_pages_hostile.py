"""What models, scenarios and suites say stays text, and stays bounded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from promptreg_plugins.web.model import (
    Job,
    Page,
    RunInfo,
    ScenarioRow,
    SuiteInfo,
    TemplateInfo,
    TrialRow,
    VersionInfo,
)
from service_fake import FAILED, FINISHED, RUNNING, FakeService
from service_fake_data import SUITE
from service_pages_site import read, site_of

EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{7*7}}\u202e\x1b[31m\ud800"
LONG = "x" * 1_000_000
ID = f"../../{EVIL}?a=b&c#d"


class Hostile(FakeService):
    """Says the worst in every text that comes from outside."""

    async def suites(self) -> list[SuiteInfo]:
        version = VersionInfo(EVIL, "ab" * 32, EVIL, EVIL, EVIL)
        good = VersionInfo("v1", "cd" * 32, EVIL, EVIL)
        return [
            replace(
                (await super().suites())[0],
                provider=EVIL,
                file=EVIL,
                templates=(TemplateInfo(EVIL, (version, good, good), {EVIL: EVIL}),),
                attributes={EVIL: (EVIL, "b")},
                metrics=(EVIL,),
            ),
            SuiteInfo(EVIL, EVIL, problem=EVIL),
        ]

    async def suite(self, name: str) -> SuiteInfo:
        return (await self.suites())[0]

    async def template_text(self, suite: str, template: str, ref: str) -> str:
        return f"{EVIL}\n{ref[:10]}\n{LONG[:30_000]}"

    def _row(self) -> ScenarioRow:
        long = {EVIL: EVIL, "long": LONG, "deep": {EVIL: [EVIL]}}
        return ScenarioRow(ID, {EVIL: EVIL}, long, {EVIL: EVIL}, (EVIL,))

    async def scenarios(self, suite: str, **what: Any) -> Page[ScenarioRow]:
        return Page((self._row(),), 1, 0, 50)

    async def scenario(self, suite: str, scenario_id: str) -> ScenarioRow:
        return self._row()

    async def runs(self, suite: str) -> list[RunInfo]:
        return [RunInfo(EVIL, EVIL, EVIL, None, 1, 1, 1, True, True)]

    async def trial(self, suite: str, run_id: str, scenario_id: str, repeat: int) -> TrialRow:
        return TrialRow(
            EVIL, ID, 0, {EVIL: EVIL}, LONG + EVIL, {EVIL: EVIL, "reasoning": LONG, "n": [EVIL]},
            EVIL, {EVIL: None, "nan": float("nan")}, {EVIL: EVIL}, prompt=EVIL + LONG,
        )  # fmt: skip

    async def trials(self, suite: str, run_id: str, **what: Any) -> Page[TrialRow]:
        return Page((await self.trial("", "", "", 0),), 1, 0, 50)

    async def job(self, job_id: str) -> Job:
        job = await super().job(job_id)
        request = replace(job.request, suite=EVIL, refs=(EVIL, EVIL), options={EVIL: EVIL})
        return replace(job, request=request, by=EVIL, problem=EVIL, headline=EVIL, run_ids=(EVIL,))

    async def jobs(self, **what: Any) -> Page[Job]:
        page = await super().jobs(**what)
        return replace(page, items=tuple([await self.job(j.id) for j in page.items]))

    async def artifact(self, job_id: str, name: str) -> bytes:
        return EVIL.encode("utf-8", "replace")

    async def report(self, job_id: str) -> dict[str, Any]:
        evil: dict[str, Any] = _evil(await FakeService().report(job_id))
        return evil

    async def trend(self, suite: str, metric: str, template: str | None) -> list[dict[str, Any]]:
        point = {"template": EVIL, "label": EVIL, "verdict": EVIL, "job_id": EVIL, "at": EVIL}
        return [{**point, "value": v, "low": None, "high": None} for v in (0.1, 0.2)]

    async def plugins(self) -> list[dict[str, str]]:
        return [{"kind": EVIL, "name": EVIL, "distribution": EVIL}, {"problem": EVIL}]

    async def healthy(self) -> Mapping[str, str]:
        return {EVIL: EVIL}


_WORDS = ("label", "suite", "provider", "text", "failure", "family", "scenario_id", "unit")


def _evil(value: Any, key: str = "") -> Any:
    """Put the worst where a report holds free text."""
    if isinstance(value, dict):
        return {k: _evil(v, k) for k, v in value.items()}
    if isinstance(value, list):
        return [EVIL if key in ("reasons", "warnings", "notes") else _evil(v, key) for v in value]
    return EVIL if key in _WORDS and isinstance(value, str) else value


@pytest.mark.parametrize(
    "address",
    [
        "/",
        f"/suites/{SUITE}",
        f"/suites/{SUITE}?metric=%3Cscript%3E&baseline=%22%3E%3Cscript%3E",
        f"/suites/{SUITE}/templates/{{EVIL}}",
        f"/suites/{SUITE}/scenarios?q=%3Cscript%3E",
        f"/suites/{SUITE}/scenario?id=x",
        f"/suites/{SUITE}/runs",
        f"/suites/{SUITE}/runs/{{EVIL}}",
        f"/suites/{SUITE}/trial?run={{EVIL}}&scenario=x",
        "/jobs?suite=%22%3E%3Cscript%3E",
        f"/jobs/{FINISHED}",
        f"/jobs/{FINISHED}?metric=%22%3E%3Cscript%3E&slice=%3Cimg%3E",
        f"/jobs/{FAILED}",
        f"/jobs/{RUNNING}",
        "/runs",
        "/plugins",
    ],
)
async def test_nothing_that_comes_from_outside_becomes_markup(address: str) -> None:
    from urllib.parse import quote

    made = site_of(Hostile())
    # Lone surrogates cannot be in an address; the service's names can hold them all the same.
    named = address.replace("{EVIL}", quote(EVIL.encode("utf-8", "surrogatepass"), safe=""))
    async with made.client:
        response = await made.client.get(named)
    assert response.status_code in (200, 404)
    document = response.text
    found = read(document)
    sources = [a.get("src") for a in found.all("script")]
    assert len(sources) == 1
    assert str(sources[0]).startswith("/static/")
    # A scenario's own pictures are asked of the service; nothing else is shown.
    assert all(str(a.get("src")).startswith("/suites/") for a in found.all("img"))
    assert not any(name.startswith("on") for _, a in found.tags for name in a)
    assert "\u202e" not in found.text
    assert "\x1b" not in found.text
    assert ">49<" not in document
    assert len(document) < 600_000


async def test_long_texts_are_cut_and_can_be_shown_whole() -> None:
    made = site_of(Hostile())
    async with made.client:
        cut = await made.get(f"/suites/{SUITE}/scenario?id=x")
        whole = await made.get(f"/suites/{SUITE}/scenario?id=x&whole=yes")
    assert "1,000,000 characters." in cut
    assert "Show all" in cut
    assert "Show all" not in whole
    assert LONG in whole


async def test_ids_that_look_like_paths_stay_values_of_an_address() -> None:
    made = site_of(Hostile())
    async with made.client:
        found = read(await made.get(f"/suites/{SUITE}/scenarios"))
    links = [str(a["href"]) for a in found.all("a") if "/scenario?" in str(a.get("href"))]
    assert links
    assert all(link.startswith(f"/suites/{SUITE}/scenario?id=..%2F..%2F") for link in links)
