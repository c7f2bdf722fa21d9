"""`promptreg serve --otel`: what arrives where traces are collected, and what must not."""

from __future__ import annotations

import json
import signal
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from command_line import Promptreg
from recorded_suite import write_recorded
from service_command import Served, serving
from trace_receiver import attributes_of, receiving

pytestmark = pytest.mark.slow

TRACE = "0af7651916cd43dd8448eb211c80319c"
CREDENTIAL = "planted-credential-of-the-collector"


@contextmanager
def traced(folder: Path, endpoint: str, **env: str) -> Iterator[Served]:
    """Serve a suite with traces while the block runs."""
    told = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        "OTEL_EXPORTER_OTLP_HEADERS": f"api-key={CREDENTIAL}",
        **env,
    }
    with serving(folder, "--otel", "--log-format", "json", env=told) as service:
        service.log_in()
        yield service


def status_of(service: Served, path: str, method: str = "GET", **headers: str) -> int:
    asked = urllib.request.Request(
        service.url + path,
        method=method,
        headers={"Authorization": f"Bearer {service.token}", **headers},
    )
    try:
        with urllib.request.urlopen(asked, timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        refused.close()
        return refused.code


def test_spans_arrive_with_routes_and_without_secrets(tmp_path: Path) -> None:
    folder = write_recorded(tmp_path / "suite", n=8)
    with receiving() as receiver:
        with traced(folder, receiver.url) as service:
            parent = f"00-{TRACE}-b7ad6b7169203331-01"
            path = "/api/v1/suites/faults"
            assert status_of(service, f"{path}?token=planted-query", traceparent=parent) == 200
            assert status_of(service, "/api/v1/suites/none") == 404
            assert status_of(service, path, Authorization="Bearer planted-token") == 401
            assert status_of(service, "/nothing/here", method="PLANTEDWORD") == 404
            assert status_of(service, f"/{'x' * 5_000}") == 404
            assert status_of(service, path, Cookie="promptreg_session=planted-session") == 200
            code, err = service.end(signal.SIGTERM)
        assert code == 143, err
        assert all(line.startswith("promptreg: ") or json.loads(line) for line in err.splitlines())
        found, sent = receiver.resources(), b"".join(receiver.bodies)
        assert {headers["api-key"] for headers in receiver.headers} == {CREDENTIAL}
    assert {(facts["service.name"], scope) for facts, scope, _ in found} == {
        ("promptreg", "promptreg.web")
    }
    spans = [span for _, _, some in found for span in some]
    told = [(span.name, attributes_of(span.attributes)) for span in spans]
    assert [(name, of["http.response.status_code"]) for name, of in told] == [
        ("GET /api/v1/suites/{suite}", 200),
        ("GET /api/v1/suites/{suite}", 404),
        ("GET", 401),
        ("HTTP", 404),
        ("GET", 404),
        ("GET /api/v1/suites/{suite}", 200),
    ]
    assert told[0][1] == {
        "http.request.method": "GET",
        "http.route": "/api/v1/suites/{suite}",
        "http.response.status_code": 200,
        "url.path": "/api/v1/suites/faults",
    }
    assert spans[0].trace_id.hex() == TRACE
    assert spans[1].trace_id.hex() != TRACE
    assert not any(span.status.code or span.events for span in spans)  # no refusal is an error
    for secret in (service.token, "planted", "PLANTED", "uthorization", "Bearer", CREDENTIAL):
        assert secret.encode() not in sent
    assert len(sent) < 4_000


def test_the_environment_names_the_service(tmp_path: Path) -> None:
    folder = write_recorded(tmp_path / "suite", n=8)
    env = {
        "OTEL_SERVICE_NAME": "prompts",
        "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment=staging",
        "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
    }
    with receiving() as receiver:
        with traced(folder, receiver.url, **env) as service:
            assert status_of(service, "/api/v1/suites") == 200
            service.end(signal.SIGTERM)
        ((facts, _, spans),) = receiver.resources()
    assert (facts["service.name"], facts["deployment.environment"]) == ("prompts", "staging")
    assert len(spans) == 1


@pytest.mark.parametrize("there", [True, False])
def test_a_collector_that_takes_nothing_stops_nobody(tmp_path: Path, there: bool) -> None:
    folder = write_recorded(tmp_path / "suite", n=8)
    with receiving(refused=503) as receiver:
        endpoint = receiver.url if there else "http://127.0.0.1:9"
        with traced(folder, endpoint, OTEL_EXPORTER_OTLP_TIMEOUT="1") as service:
            assert status_of(service, "/api/v1/suites") == 200
            code, err = service.end(signal.SIGTERM)
    assert code == 143
    lines = [json.loads(x) for x in err.splitlines() if not x.startswith("promptreg: ")]
    assert any(line["logger"].startswith("opentelemetry.") for line in lines), err
    assert CREDENTIAL not in err


def test_a_protocol_that_is_not_spoken_is_refused(tmp_path: Path) -> None:
    promptreg = Promptreg(write_recorded(tmp_path / "suite", n=8))
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
    grpc = {**env, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
    refused = promptreg("serve", "--port", "0", "--otel", env=grpc)
    assert refused.code == 2
    assert "OTEL_EXPORTER_OTLP_PROTOCOL: found 'grpc'; allowed: http/protobuf" in refused.err
