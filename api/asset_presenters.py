"""Rows of pictures and previews, as the objects that the API says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from api.asset_schemas import AssetObject, AssetUrls, FrameObject
from api.instants import instant
from api.presenters import frame_url

if TYPE_CHECKING:
    from collections.abc import Collection

    from shared.models import Asset, Frame


def asset_url(asset_id: str) -> str:
    """Where an uploaded picture is."""
    return f"/v1/assets/{asset_id}"


def present_asset(asset: Asset) -> AssetObject:
    """Describe an uploaded picture."""
    url = asset_url(asset.id)
    return AssetObject(
        id=asset.id,
        sha256=asset.digest,
        bytes=asset.bytes,
        media_type=asset.media_type,
        width=asset.width,
        height=asset.height,
        purpose=asset.purpose,
        created_at=instant(asset.created_at),
        expires_at=instant(asset.expires_at),
        urls=AssetUrls(self=url, content=f"{url}/content"),
    )


def present_frame(frame: Frame, checkpoints: Collection[int]) -> FrameObject:
    """Describe a preview; `checkpoints` are the iterations of its job's."""
    url = frame_url(frame.job_id, frame.iteration)
    return FrameObject(
        iteration=frame.iteration,
        scale=frame.scale,
        width=frame.width,
        height=frame.height,
        losses=frame.losses,
        has_checkpoint=frame.iteration in checkpoints,
        created_at=instant(frame.created_at),
        url=url,
        thumb_url=f"{url}/thumb",
        promote_url=f"{url}/promote",
    )
