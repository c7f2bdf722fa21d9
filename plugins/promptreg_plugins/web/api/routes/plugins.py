"""What is registered."""

from __future__ import annotations

from fastapi import APIRouter

from promptreg_plugins.web.api.asking import API, Asking, Reader, refusals
from promptreg_plugins.web.api.schemas import Listing, Plugin

__all__ = ["router"]

router = APIRouter(prefix=API + "/plugins", tags=["plugins"])


@router.get("", operation_id="listPlugins", responses=refusals())
async def list_plugins(service: Asking, who: Reader) -> Listing[Plugin]:
    """Return what is registered, and what is broken, with why."""
    names = list(Plugin.model_fields)
    found = [
        Plugin(**{name: one[name] for name in names if one.get(name)})
        for one in await service.plugins()
    ]
    return Listing(items=found, total=len(found), offset=0, limit=max(1, len(found)))
