"""Tokens: listed, made and revoked by administrators."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field

from promptreg_plugins.web.api.asking import API, PLAIN, Administrator, Asking, refusals
from promptreg_plugins.web.api.schemas import Listing
from promptreg_plugins.web.model import Role

__all__ = ["router"]

router = APIRouter(prefix=API + "/tokens", tags=["tokens"])


class TokenOut(BaseModel):
    """A token as it is listed."""

    model_config = ConfigDict(from_attributes=True, extra="forbid")

    id: str = Field(description="The part of the token that is no secret.")
    name: str
    role: Role
    created_at: datetime
    last_used_at: datetime | None = Field(description="To the minute.")
    revoked_at: datetime | None


class NewToken(TokenOut):
    """A token that was made just now."""

    token: str = Field(description="What its owner sends. Shown this once, and kept nowhere.")


class TokenBody(BaseModel):
    """A token that is wanted."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(
        min_length=1,
        max_length=100,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._@+-]{0,99}$",
        description="Whose it is; jobs say it in `by`.",
        examples=["ci"],
    )
    role: Role = Field(description="What it allows.")


@router.get("", operation_id="listTokens", responses=refusals())
async def list_tokens(service: Asking, who: Administrator) -> Listing[TokenOut]:
    """Return all tokens, the newest first, those that are revoked included."""
    found = [TokenOut.model_validate(one) for one in await service.tokens()]
    return Listing(items=found, total=len(found), offset=0, limit=max(1, len(found)))


@router.post(
    "", operation_id="createToken", status_code=201, responses=refusals(400, 409, 413, 415)
)
async def create_token(body: TokenBody, service: Asking, who: Administrator) -> NewToken:
    """Make a token; it is shown in this answer and never again."""
    info, token = await service.create_token(body.name, body.role)
    return NewToken(**TokenOut.model_validate(info).model_dump(), token=token)


@router.delete("/{token_id}", operation_id="revokeToken", responses=refusals(404, 409, 413, 415))
async def revoke_token(
    token_id: Annotated[
        str,
        Path(min_length=1, max_length=100, pattern=PLAIN, description="A token's id or name."),
    ],
    service: Asking,
    who: Administrator,
) -> TokenOut:
    """Make a token invalid for good; sessions that logged in with it end at once."""
    return TokenOut.model_validate(await service.revoke_token(token_id))
