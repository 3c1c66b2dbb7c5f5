"""API keys of the farm: create, list and revoke."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Unpack

from impasto.client.calls import Awaited, Blocking, call, stream
from impasto.client.models import Key, KeyPage
from impasto.client.transport import each_item, parse_model, resource_path, without_none

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from impasto.client.params import KeyOptions
    from impasto.client.transport import Transport

_PAGE_SIZE = 100


class KeyCalls:
    """Calls about API keys, which need a key with the scope `keys` or `admin`.

    Args:
        transport: Transport that sends the requests.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    @call
    async def create(
        self, name: str | None = None, **options: Unpack[KeyOptions]
    ) -> Key:
        """Create a key; only this response has its `secret`.

        Args:
            name: Name of the key, for people.
            **options: scopes, expires_in (seconds), owner, and limits.
        """
        body = without_none({"name": name, **options})
        return parse_model(Key, await self._transport.post("/v1/keys", json=body))

    @call
    async def get(self, key_id: str) -> Key:
        """Return a key, without its secret."""
        path = resource_path("a key", key_id)
        return parse_model(Key, await self._transport.get(path))

    @call
    async def list(self, *, limit: int = 50, cursor: str | None = None) -> KeyPage:
        """Return a page of keys.

        Args:
            limit: Maximum number of keys.
            cursor: `next_cursor` of the previous page.
        """
        query = {"limit": limit, "cursor": cursor}
        return parse_model(KeyPage, await self._transport.get("/v1/keys", query=query))

    @stream
    async def iterate(self) -> AsyncGenerator[Key, None]:
        """Yield all keys, reading page after page."""
        async for key in each_item(partial(KeyCalls.list, self, limit=_PAGE_SIZE)):
            yield key

    @call
    async def revoke(self, key_id: str) -> None:
        """Revoke a key; requests with it are refused within seconds."""
        await self._transport.delete(resource_path("a key", key_id))


class Keys(KeyCalls, Blocking):
    """API keys of one server, for blocking code."""


class AsyncKeys(KeyCalls, Awaited):
    """API keys of one server, for asyncio."""
