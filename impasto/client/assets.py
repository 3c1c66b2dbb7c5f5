"""Assets: pictures uploaded once, found by their SHA-256 from then on."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from impasto.client.models import Asset
from impasto.client.uploads import open_files
from impasto.errors import NotFound, ServerUnreachable

if TYPE_CHECKING:
    import httpx2

    from impasto.client.transport import Transport
    from impasto.client.uploads import Picture


class Assets:
    """The caller's assets on one server.

    Args:
        transport: Transport that sends the requests.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def find(self, sha256: str) -> Asset | None:
        """Return the asset with this digest, or None if it was never uploaded."""
        if not sha256.isalnum():  # no digest: it would lead elsewhere
            return None
        try:
            return _parse_asset(self._transport.get(f"/v1/assets/by-digest/{sha256}"))
        except NotFound:
            return None

    def upload(self, picture: Picture) -> Asset:
        """Upload a picture, unless the server has it; safe to repeat."""
        with open_files([("file", picture)]) as [(_, (name, file))]:
            data = file if isinstance(file, bytes) else file.read()
        digest = hashlib.sha256(data).hexdigest()
        if (existing := self.find(digest)) is not None:
            return existing
        form = {"data": {"sha256": digest}, "files": {"file": (name, data)}}
        return _parse_asset(self._transport.post("/v1/assets", retries=2, **form))


def _parse_asset(response: httpx2.Response) -> Asset:
    try:
        return Asset.from_json(response.json())
    except ValueError as error:
        raise ServerUnreachable(
            f"{response.url} does not answer as Impasto does: {error}"
        ) from error
