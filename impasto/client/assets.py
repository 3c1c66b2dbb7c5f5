"""Pictures over HTTP: sent once, named by their digests from then on."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from impasto.client.models import Asset
from impasto.errors import NotFound, ServerUnreachable

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

    from impasto.client.transport import Wire


class Assets:
    """The pictures of one server that are ours.

    Args:
        wire: How to reach it.
    """

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def find(self, sha256: str) -> Asset | None:
        """Return the picture with these bytes, if it was sent before."""
        try:
            return _asset(self._wire.get(f"/v1/assets/by-digest/{sha256}"))
        except NotFound:
            return None

    def upload(self, path: Path) -> Asset:
        """Send a picture, unless the server has it; twice does as much as once."""
        data = path.read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        if (known := self.find(digest)) is not None:
            return known
        sent = {"data": {"sha256": digest}, "files": {"file": (path.name, data)}}
        return _asset(self._wire.post("/v1/assets", retries=2, **sent))


def _asset(response: httpx.Response) -> Asset:
    try:
        return Asset.read(response.json())
    except ValueError as error:
        raise ServerUnreachable(
            f"{response.url} does not answer as Impasto does: {error}"
        ) from error
