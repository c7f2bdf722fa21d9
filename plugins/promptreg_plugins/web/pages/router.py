"""All pages of the service, as one router."""

from __future__ import annotations

from fastapi import APIRouter

from promptreg_plugins.web.pages import (
    assets,
    dashboard,
    images,
    inside,
    jobs,
    runs,
    scenarios,
    suites,
    trials,
)
from promptreg_plugins.web.pages.problem import PageRoute
from promptreg_plugins.web.service import Service

__all__ = ["pages"]


def pages(service: Service) -> APIRouter:
    """Return the pages.

    They read who asks from `request.state.who` and the word that forms carry against forgery from
    `request.state.csrf`; checking both is the application's business.
    """
    router = APIRouter(route_class=PageRoute, include_in_schema=False)
    router.add_api_route("/static/{name}", assets.asset, methods=["GET", "HEAD"])
    for part in (dashboard, suites, jobs, runs, trials, scenarios, images, inside):
        part.add(router, service)
    return router
