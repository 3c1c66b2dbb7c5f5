"""Thumbnails inside of preview events, for who would fetch each of them anyway."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

from shared.errors import StorageError

if TYPE_CHECKING:
    from api.live import News
    from shared.storage.base import Storage

MAX_THUMB_BYTES = 32 * 1024  # 160 px as JPEG have a quarter of that; then base64
_MEDIA_TYPE = "image/jpeg"  # as workers make them


def with_thumb(storage: Storage, news: News) -> str:
    """Return the data of a preview event with its thumbnail in it.

    `preview.thumb` is null where it is too large for an event or gone by now: a newer
    one follows, and `thumb_url` stays.
    """
    told = json.loads(news.data)
    told["preview"]["thumb"] = _thumb(storage, news.thumb_key)
    return json.dumps(told, separators=(",", ":"))


def _thumb(storage: Storage, key: str | None) -> dict[str, str] | None:
    if key is None:
        return None
    try:
        data = storage.get(key)
    except StorageError:
        return None
    if len(data) > MAX_THUMB_BYTES:
        return None
    return {"media_type": _MEDIA_TYPE, "base64": base64.b64encode(data).decode()}
