"""Metrics, health, logs, traces and limits of the server: for those who keep it running."""

from __future__ import annotations

import json
import logging
import re
from dataclasses import replace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families

from promptreg.errors import UsageError
from promptreg_plugins.web.api import configure_logs, uvicorn_options
from promptreg_plugins.web.api.logs import JsonLines, TextLines
from promptreg_plugins.web.api.metrics import Metrics
from promptreg_plugins.web.api.middleware.record import Record
from promptreg_plugins.web.api.refusals import PlainRefusals
from promptreg_plugins.web.api.telemetry import Traces, tracer_provider
from promptreg_plugins.web.api.watch import Watch
from promptreg_plugins.web.model import JobKind, JobRequest, Role, Who
from service_api_app import FakeSettings
from service_fake import RUN, FakeService
from service_fake_data import NOW, trials


def samples(text: str) -> dict[str, float]:
    """Return `name{labels}` to value."""
    return {
        sample.name + str(sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_metrics_of_a_job_that_ended(service: FakeService, reader: httpx.AsyncClient) -> None:
    metrics = Metrics()
    watch = Watch(service, metrics, since=NOW)
    wish = JobRequest(JobKind.COMPARE, "home_security", ("v1", "v2"), {"template": ["basic"]})
    job = await service.submit(wish, Who("ci", Role.RUN))
    # The fake's runs are hours old; a job that made them began before.
    service._jobs[job.id] = replace(job, created_at=NOW.replace(hour=0))
    while not (await service.advance(job.id)).state.final:
        await watch.look()
    await watch.look()
    await watch.look()
    told = samples(metrics.text().decode())
    assert told["promptreg_prompt_template_used_total[('template', 'basic')]"] == 264
    assert told["promptreg_ai_request_duration_seconds_count[('provider', 'recorded')]"] == 264
    assert told["promptreg_prompt_latency_seconds_count[('version', 'basic@v2')]"] == 132
    assert told["promptreg_pipeline_errors_total[('type', 'unparseable')]"] == 2
    tokens = sum(row.completion_tokens or 0 for label in ("v1", "v2") for row in trials(label))
    assert told["promptreg_ai_tokens_total[('kind', 'completion')]"] == tokens
    assert told["promptreg_risk_score_count[]"] == 262
    ended = "[('kind', 'compare'), ('state', 'finished'), ('verdict', 'fail')]"
    assert told[f"promptreg_jobs_ended_total{ended}"] == 1


async def test_runs_of_somebody_else_are_not_counted(service: FakeService) -> None:
    metrics = Metrics()
    job = await service.submit(
        JobRequest(JobKind.COMPARE, "home_security", ("v1", "v2")), Who("ci", Role.RUN)
    )
    while not (await service.advance(job.id)).state.final:
        pass
    await Watch(service, metrics, since=NOW).look()
    assert "promptreg_prompt_template_used_total[('template', 'basic')]" not in samples(
        metrics.text().decode()
    )


async def test_metrics_of_requests_name_routes_and_never_addresses(
    reader: httpx.AsyncClient, nobody: httpx.AsyncClient
) -> None:
    for path in ("/api/v1/suites/home_security", "/api/v1/suites/hom", "/x/1", "/x/2"):
        await reader.get(path)
    await reader.request("BREW", "/api/v1/suites")
    assert (await nobody.get("/metrics")).status_code == 401
    told = samples((await reader.get("/metrics")).text)
    route = "('method', 'GET'), ('route', '/api/v1/suites/{suite}'), ('status', '%s')"
    assert told[f"promptreg_http_requests_total[{route % 200}]"] == 1
    assert told[f"promptreg_http_requests_total[{route % 404}]"] == 1
    none = "('method', 'GET'), ('route', 'none'), ('status', '404')"
    assert told[f"promptreg_http_requests_total[{none}]"] == 2
    assert not [name for name in told if "BREW" in name or "/x/" in name]
    assert told["promptreg_jobs[('state', 'running')]"] == 1
    assert told["promptreg_ready[('part', 'database')]"] == 1


def test_labels_stay_few() -> None:
    metrics = Metrics()
    row = replace(trials("v2")[0], failure="odd: words")
    for i in range(500):
        metrics.trial(row, "recorded", f"template{i}", f"v{i}")
    names = [name for name in samples(metrics.text().decode()) if "template_used_total" in name]
    assert len(names) == 51
    assert "promptreg_prompt_template_used_total[('template', 'other')]" in names


async def test_ready_or_not(nobody: httpx.AsyncClient, service: FakeService) -> None:
    assert (await nobody.get("/health/live")).json() == {"status": "ok", "parts": {}}
    ready = await nobody.get("/health/ready")
    assert ready.json()["parts"] == {
        "database": "ok",
        "store": "ok",
        "suites": "ok",
        "workers": "ok",
    }
    service.broken_suite = "cameras: /srv/cameras.yaml: no valid YAML"
    still = await nobody.get("/health/ready")  # the others are served as before
    assert (still.status_code, still.json()["parts"]["suites"]) == (200, "not all can be used")
    assert "cameras" not in still.text
    service.down = True
    gone = await nobody.get("/health/ready", headers={"Host": "10.1.2.3:8321"})
    assert (gone.status_code, gone.json()["detail"]) == (503, "not ready: database")
    assert "refused" not in gone.text  # what is wrong is for the log
    assert (await nobody.get("/health/live")).status_code == 200


async def test_the_log_says_who_asked_for_what(
    runner: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", "promptreg.web.access"):
        await runner.get("/api/v1/suites/hom%0aes?token=secret", headers={"X-Request-ID": "r-1"})
        await runner.post("/login", data={"token": "secret"})
    line = json.loads(JsonLines().format(caplog.records[0]))
    assert {key: line[key] for key in ("method", "path", "status", "who", "request_id")} == {
        "method": "GET",
        "path": "/api/v1/suites/hom\nes",
        "status": 422,
        "who": "ci",
        "request_id": "r-1",
    }
    assert line["duration_ms"] >= 0
    for formatter in (JsonLines(), TextLines()):
        lines = [formatter.format(record) for record in caplog.records]
        assert all("\n" not in one for one in lines)
        assert not [one for one in lines if "secret" in one or RUN in one]


def test_logs_go_to_stderr_alone(capsys: pytest.CaptureFixture[str]) -> None:
    names = ("promptreg.web", "uvicorn", "opentelemetry")
    kept = {name: logging.getLogger(name) for name in names}
    before = {name: (log.handlers, log.level, log.propagate) for name, log in kept.items()}
    try:
        configure_logs(FakeSettings(log_format="json"))
        logging.getLogger("promptreg.web.access").info("request", extra={"fields": {"status": 200}})
        out, err = capsys.readouterr()
        assert (out, json.loads(err)["status"]) == ("", 200)
    finally:
        for name, (handlers, level, propagate) in before.items():
            kept[name].handlers, kept[name].propagate = handlers, propagate
            kept[name].setLevel(level)


async def test_spans_have_parents_routes_and_no_queries(app: FastAPI) -> None:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    kept = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    traced = Traces(Record(app, Metrics(), PlainRefusals()), provider)
    transport = httpx.ASGITransport(traced)
    trace = "0af7651916cd43dd8448eb211c80319c"
    headers = {
        "Authorization": f"Bearer {RUN}",
        "traceparent": f"00-{trace}-b7ad6b7169203331-01",
    }
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as asking:
        await asking.get("/api/v1/suites/home_security?q=private", headers=headers)
    (span,) = kept.get_finished_spans()
    assert span.name == "GET /api/v1/suites/{suite}"
    assert f"{span.context.trace_id:032x}" == trace
    attributes: dict[str, Any] = dict(span.attributes or {})
    assert attributes["http.response.status_code"] == 200
    assert "private" not in str(attributes)
    assert RUN not in str(attributes)


async def test_a_span_says_that_it_broke_and_not_what_was_said() -> None:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    kept = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))

    async def broken(*_: object) -> None:
        raise KeyError("planted-secret")

    whole = Record(Traces(broken, provider), Metrics(), PlainRefusals())
    transport = httpx.ASGITransport(whole)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as asking:
        assert (await asking.get("/")).status_code == 500
    (span,) = kept.get_finished_spans()
    attributes = dict(span.attributes or {})
    assert (attributes["http.response.status_code"], attributes["error.type"]) == (500, "KeyError")
    assert span.status.status_code.name == "ERROR"
    assert "planted-secret" not in span.to_json()


def test_traces_go_nowhere_unless_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", raising=False)
    with pytest.raises(UsageError, match="OTEL_EXPORTER_OTLP_ENDPOINT"):
        tracer_provider()


def test_the_server_has_limits_and_says_nothing_of_itself() -> None:
    options = uvicorn_options(FakeSettings())
    assert (options["host"], options["server_header"], options["proxy_headers"]) == (
        "127.0.0.1", False, False,
    )  # fmt: skip
    assert options["h11_max_incomplete_event_size"] <= 64 * 1024
    assert options["access_log"] is False


async def test_the_document_is_complete(nobody: httpx.AsyncClient) -> None:
    document = (await nobody.get("/api/v1/openapi.json")).json()
    ids = []
    for path, item in document["paths"].items():
        for method, operation in item.items():
            ids.append(operation["operationId"])
            assert operation["tags"], path
            if path.startswith("/health/"):
                continue
            assert operation["security"] == [{"token": []}, {"session": []}], path
            for status in ("401", "403", "422", "429", "500", "503"):
                content = operation["responses"][status]["content"]
                assert list(content) == ["application/problem+json"], (method, path, status)
    assert len(ids) == len(set(ids)) > 30
    references = set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(document)))
    assert references <= set(document["components"]["schemas"])
    for name, schema in document["components"]["schemas"].items():
        if schema.get("type") == "object" and "properties" in schema:
            assert schema.get("additionalProperties") is False, name
