"""Pydantic models of assets and frames: upload form and responses."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from api.http.schemas import (
    EXAMPLE_ASSET_ID,
    EXAMPLE_JOB_ID,
    EXAMPLE_SHA256,
    EXAMPLE_TIME,
    File,
    RequestBody,
    ResponseModel,
    with_example,
)


class AssetUrls(ResponseModel):
    """URLs of an asset. Clients follow them instead of building URLs."""

    self: str
    content: str


class AssetObject(ResponseModel):
    """Uploaded picture. Equal uploads of an owner are stored once."""

    model_config = with_example(
        {
            "id": EXAMPLE_ASSET_ID,
            "object": "asset",
            "sha256": EXAMPLE_SHA256,
            "bytes": 183_220,
            "media_type": "image/jpeg",
            "width": 1024,
            "height": 768,
            "purpose": "content",
            "created_at": EXAMPLE_TIME,
            "expires_at": None,
            "urls": {
                "self": f"/v1/assets/{EXAMPLE_ASSET_ID}",
                "content": f"/v1/assets/{EXAMPLE_ASSET_ID}/content",
            },
        }
    )

    id: str
    object: Literal["asset"] = "asset"
    sha256: str = Field(description="SHA-256 of the uploaded file")
    bytes: int
    media_type: str
    width: int = Field(description="width of the upright picture, px")
    height: int
    purpose: str = Field(
        description="content, style, mask, init or any, as in the upload; or shipped"
    )
    created_at: datetime
    expires_at: datetime | None = Field(
        description="when it is deleted unless a job uses it; null: only on request"
    )
    urls: AssetUrls


class AssetPage(ResponseModel):
    """Page of pictures, newest first."""

    data: list[AssetObject]
    next_cursor: str | None


class FrameObject(ResponseModel):
    """Stored preview of one iteration."""

    model_config = with_example(
        {
            "iteration": 118,
            "scale": 1,
            "width": 256,
            "height": 192,
            "losses": {"total": 3.2, "content": 1.1, "style": 2.0, "tv": 0.1},
            "has_checkpoint": False,
            "created_at": EXAMPLE_TIME,
            "url": f"/v1/jobs/{EXAMPLE_JOB_ID}/frames/118",
            "thumb_url": f"/v1/jobs/{EXAMPLE_JOB_ID}/frames/118/thumb",
            "promote_url": f"/v1/jobs/{EXAMPLE_JOB_ID}/frames/118/promote",
        }
    )

    iteration: int
    scale: int
    width: int
    height: int
    losses: dict[str, float | None]
    has_checkpoint: bool = Field(
        description="true: promote can render this iteration in full size"
    )
    created_at: datetime
    url: str
    thumb_url: str
    promote_url: str | None = Field(description="null: not allowed now")


class FrameList(ResponseModel):
    """Stored previews of a job, in order of iteration."""

    data: list[FrameObject]


MAX_EXPIRES_IN = 10 * 366 * 86_400  # seconds: ten years


class UploadOptions(RequestBody):
    """Fields of the form that uploads a picture."""

    sha256: str | None = Field(
        default=None,
        pattern="^[0-9A-Fa-f]{64}$",
        description="SHA-256 of the file, in hex; 409 if other bytes arrive. The "
        "header Content-Digest of the request or of the part has the same effect",
    )
    purpose: Literal["content", "style", "mask", "init", "any"] = Field(
        default="any",
        description="use of the picture; `purpose=` filters the list of pictures by it",
    )
    expires_in: int | None = Field(
        default=None,
        ge=1,
        le=MAX_EXPIRES_IN,
        description="seconds until the picture is deleted unless a job uses it; "
        "default: never",
    )


class AssetForm(UploadOptions):
    """Multipart form that uploads a picture."""

    file: File = Field(description="the picture")
