"""What Prometheus is told; every label has few values, whatever clients and suites say."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from promptreg_plugins.web.model import Job, TrialRow

__all__ = ["CONTENT_TYPE", "Metrics"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "WEBSOCKET"})
_MOST_VALUES = 50
_CALL_S = (0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120, 300)
_LEVELS = frozenset({"low", "medium", "high", "critical"})


class _Few:
    """Lets the first 50 values of a label pass; later ones are `other`."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def __call__(self, value: str) -> str:
        value = value[:100]
        if value not in self._seen:
            if len(self._seen) >= _MOST_VALUES:
                return "other"
            self._seen.add(value)
        return value


class Metrics:
    """Counters of one application, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        registry = self.registry
        self._requests = Counter(
            "promptreg_http_requests",
            "HTTP requests.",
            ["method", "route", "status"],
            registry=registry,
        )
        self._request_s = Histogram(
            "promptreg_http_request_duration_seconds", "Time to answer.", ["method", "route"],
            registry=registry,
        )  # fmt: skip
        self._call_s = Histogram(
            "promptreg_ai_request_duration_seconds", "Time the model took for a completion.",
            ["provider"], buckets=_CALL_S, registry=registry,
        )  # fmt: skip
        self._prompt_s = Histogram(
            "promptreg_prompt_latency_seconds", "The same, by version of the template.",
            ["version"], buckets=_CALL_S, registry=registry,
        )  # fmt: skip
        self._tokens = Counter(
            "promptreg_ai_tokens", "Tokens of the model.", ["kind"], registry=registry
        )
        self._used = Counter(
            "promptreg_prompt_template_used",
            "Trials, by template.",
            ["template"],
            registry=registry,
        )
        self._risk = Histogram(
            "promptreg_risk_score", "Risk scores of readable answers, points.",
            buckets=tuple(range(0, 101, 10)), registry=registry,
        )  # fmt: skip
        self._levels = Counter(
            "promptreg_answers_by_risk_level",
            "Readable answers, by level.",
            ["level"],
            registry=registry,
        )
        self._errors = Counter(
            "promptreg_pipeline_errors",
            "Trials that failed, by cause.",
            ["type"],
            registry=registry,
        )
        self._ended = Counter(
            "promptreg_jobs_ended",
            "Jobs that ended.",
            ["kind", "state", "verdict"],
            registry=registry,
        )
        self._jobs = Gauge("promptreg_jobs", "Jobs at present.", ["state"], registry=registry)
        self._ready = Gauge("promptreg_ready", "1 if a part is well.", ["part"], registry=registry)
        self._streams = Gauge("promptreg_event_streams", "Followers of jobs.", registry=registry)
        self._few = {name: _Few() for name in ("provider", "version", "template", "type", "part")}

    def requested(self, method: str, route: str, status: int, took_s: float) -> None:
        """Count a request; `route` is a pattern of ours, never what was asked for."""
        method = method if method in _METHODS else "other"
        self._requests.labels(method, route, str(status)).inc()
        if status != 101 and not route.endswith("/events"):  # they last as long as somebody looks
            self._request_s.labels(method, route).observe(took_s)

    def trial(self, row: TrialRow, provider: str, template: str, label: str) -> None:
        """Count a trial that a job made."""
        self._used.labels(self._few["template"](template)).inc()
        if row.latency_s is not None:
            self._call_s.labels(self._few["provider"](provider)).observe(row.latency_s)
            version = self._few["version"](f"{template}@{label}")
            self._prompt_s.labels(version).observe(row.latency_s)
        for kind, count in (("prompt", row.prompt_tokens), ("completion", row.completion_tokens)):
            if count:
                self._tokens.labels(kind).inc(count)
        if row.failure is not None:
            cause = row.failure.split(":")[0].split()[0:1] or ["unknown"]
            self._errors.labels(self._few["type"](cause[0])).inc()
        self._answered(row)

    def _answered(self, row: TrialRow) -> None:
        answer = row.answer or {}
        score = answer.get("risk_score")
        if isinstance(score, (int, float)) and not isinstance(score, bool) and 0 <= score <= 100:
            self._risk.observe(score)
        if "risk_level" in answer:
            level = str(answer["risk_level"]).lower()
            self._levels.labels(level if level in _LEVELS else "other").inc()

    def ended(self, job: Job) -> None:
        """Count a job that ended."""
        verdict = job.verdict if job.verdict in {"pass", "fail", "inconclusive"} else "none"
        self._ended.labels(job.request.kind.value, job.state.value, verdict).inc()

    def jobs(self, state: str, count: int) -> None:
        """Say how many jobs are in a state."""
        self._jobs.labels(state).set(count)

    def ready(self, part: str, well: bool) -> None:
        """Say whether a part of the service is well."""
        self._ready.labels(self._few["part"](part)).set(1 if well else 0)

    def following(self, change: int) -> None:
        """Say that somebody began (1) or ceased (-1) to follow a job."""
        self._streams.inc(change)

    def text(self) -> bytes:
        """Return all of it as Prometheus reads it."""
        return generate_latest(self.registry)
