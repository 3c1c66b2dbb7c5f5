"""What the API says of uploaded pictures and of previews, as Pydantic models."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from api.examples import ASSET, FRAME


class _Said(BaseModel):
    model_config = ConfigDict(frozen=True)


class AssetUrls(_Said):
    """Addresses to follow instead of building them."""

    self: str
    content: str


class AssetObject(_Said):
    """An uploaded picture, kept once for its owner however often it is sent."""

    model_config = ConfigDict(json_schema_extra={"example": ASSET})

    id: str
    object: Literal["asset"] = "asset"
    sha256: str = Field(description="of the bytes as they were sent")
    bytes: int
    media_type: str
    width: int = Field(description="px, as people see it: upright")
    height: int
    purpose: str = Field(
        description="content, style, mask, init or any, as was said; or shipped"
    )
    created_at: datetime
    expires_at: datetime | None = Field(
        description="when it may go, unless a job uses it; null: never by itself"
    )
    urls: AssetUrls


class AssetPage(_Said):
    """Pictures, newest first."""

    data: list[AssetObject]
    next_cursor: str | None


class FrameObject(_Said):
    """A preview of one iteration."""

    model_config = ConfigDict(json_schema_extra={"example": FRAME})

    iteration: int
    scale: int
    width: int
    height: int
    losses: dict[str, float | None]
    has_checkpoint: bool = Field(description="promote makes it in full size then")
    created_at: datetime
    url: str
    thumb_url: str
    promote_url: str


class FrameList(_Said):
    """The previews of a job that are kept, in the order of iterations."""

    data: list[FrameObject]
