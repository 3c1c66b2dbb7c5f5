"""Assets: pictures that are uploaded once, and found by their SHA-256."""

from __future__ import annotations

import hashlib
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from impasto.client.calls import Awaited, Blocking, call, stream
from impasto.client.downloads import save_download
from impasto.client.models import Asset, AssetPage
from impasto.client.transport import each_item, parse_model, resource_path
from impasto.client.uploads import open_files
from impasto.errors import NotFound

if TYPE_CHECKING:
    import os
    from collections.abc import AsyncGenerator

    from impasto.client.params import AssetFilters
    from impasto.client.transport import Transport
    from impasto.client.uploads import Picture

_PAGE_SIZE = 100


class AssetCalls:
    """Calls about the caller's assets on one server.

    Args:
        transport: Transport that sends the requests.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    @call
    async def get(self, asset_id: str) -> Asset:
        """Return an asset."""
        path = resource_path("an asset", asset_id)
        return parse_model(Asset, await self._transport.get(path))

    @call
    async def find(self, sha256: str) -> Asset | None:
        """Return the asset with this digest, or None if it was never uploaded."""
        if not sha256.isalnum():  # no digest, and unsafe in a URL
            return None
        path = f"/v1/assets/by-digest/{sha256}"
        try:
            return parse_model(Asset, await self._transport.get(path))
        except NotFound:
            return None

    @call
    async def list(
        self,
        *,
        limit: int = 50,
        cursor: str | None = None,
        **filters: Unpack[AssetFilters],
    ) -> AssetPage:
        """Return a page of assets, newest first.

        Args:
            limit: Maximum number of assets.
            cursor: `next_cursor` of the previous page.
            **filters: purpose.
        """
        query = {"limit": limit, "cursor": cursor, **filters}
        return parse_model(
            AssetPage, await self._transport.get("/v1/assets", query=query)
        )

    @stream
    async def iterate(
        self, **filters: Unpack[AssetFilters]
    ) -> AsyncGenerator[Asset, None]:
        """Yield all assets, newest first, page after page; filters as in list."""
        read_page = partial(AssetCalls.list, self, limit=_PAGE_SIZE, **filters)
        async for asset in each_item(read_page):
            yield asset

    @call
    async def upload(self, picture: Picture) -> Asset:
        """Upload a picture unless the server has it; may be repeated."""
        with open_files([("file", picture)]) as [(_, (name, file))]:
            data = file if isinstance(file, bytes) else file.read()
        digest = hashlib.sha256(data).hexdigest()
        if (existing := await AssetCalls.find(self, digest)) is not None:
            return existing
        form = {"data": {"sha256": digest}, "files": {"file": (name, data)}}
        return parse_model(
            Asset, await self._transport.post("/v1/assets", retries=2, **form)
        )

    @call
    async def download(self, asset_id: str, path: str | os.PathLike[str]) -> Path:
        """Save the picture of an asset; the file at `path` is always complete.

        Raises:
            CannotSave: The file cannot be written.
        """
        url = resource_path("an asset", asset_id, "content")
        return await save_download(self._transport, url, Path(path))

    @call
    async def delete(self, asset_id: str) -> None:
        """Delete an asset that no job needs any more."""
        await self._transport.delete(resource_path("an asset", asset_id))


class Assets(AssetCalls, Blocking):
    """Assets of the caller on one server, for blocking code."""


class AsyncAssets(AssetCalls, Awaited):
    """Assets of the caller on one server, for asyncio."""
