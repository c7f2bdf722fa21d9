"""The OpenAPI document: FastAPI's, with refusals as they really are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from promptreg_plugins.web.api.schemas import Problem

__all__ = ["document"]

_TAGS = {
    "suites": "The suites that are served.",
    "templates": "Templates and their versions.",
    "scenarios": "The scenarios of a suite.",
    "runs": "Stored runs and their trials.",
    "comparisons": "Two versions, compared: verdicts are told, not enforced.",
    "gates": "Two versions, judged: the exit code is the verdict.",
    "plans": "What a comparison would cost, before it is asked for.",
    "jobs": "All that was asked for: where it stands, events, stopping and going on.",
    "trend": "Metrics over time.",
    "plugins": "What is registered.",
    "tokens": "Who may do what; for administrators.",
    "operation": "Health and metrics.",
}
_DESCRIPTION = """Tells whether an edit to a prompt template made a model's answers worse.

Ask for a comparison with `POST /api/v1/comparisons`; follow it by server-sent events at
`/api/v1/jobs/{id}/events` or over the WebSocket `/api/v1/jobs/{id}/ws` (the same events as JSON:
`id`, `at`, `kind`, `data`; `?after=ID` goes on after an event); read its report.

Every refusal is `application/problem+json` (RFC 9457). Roles: `read` reads, `run` asks for work and
stops it, `admin` does all."""


def document(app: FastAPI) -> Callable[[], dict[str, Any]]:
    """Return what makes the document, once."""

    def make() -> dict[str, Any]:
        if app.openapi_schema is None:
            made = get_openapi(
                title="promptreg",
                version=app.version,
                description=_DESCRIPTION,
                routes=app.routes,
                tags=[{"name": name, "description": text} for name, text in _TAGS.items()],
                license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
            )
            schemas = made["components"]["schemas"]
            for unused in ("HTTPValidationError", "ValidationError"):
                schemas.pop(unused, None)
            problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas.update(problem.pop("$defs", {}))
            schemas["Problem"] = problem
            made["components"]["schemas"] = dict(sorted(schemas.items()))
            schemes = made["components"]["securitySchemes"]
            schemes["session"]["name"] = app.state.identity.cookie
            app.openapi_schema = made
        return app.openapi_schema

    return make
