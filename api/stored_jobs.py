"""A new job of pictures that were sent before: found, checked, its row committed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from api.finding import find_asset
from api.json_bodies import json_object
from api.mask_checks import mask_errors
from api.replays import recognize, require_room
from api.stored_requests import stored_request
from api.submission import Stored, enqueue, new_job
from shared import images
from shared.errors import FieldError, InvalidParams, NotFound

if TYPE_CHECKING:
    from werkzeug.wrappers import Request

    from api.services import Services
    from api.stored_requests import StoredRequest
    from shared import jobs
    from shared.models import Asset
    from shared.params import StyleParams
    from shared.storage.base import Storage


@dataclass(frozen=True, slots=True, eq=False)
class StoredPicture:
    """An asset in a role, as a file of a form would be."""

    role: str
    position: int
    pointer: str
    asset: Asset = field(repr=False)
    storage: Storage = field(repr=False)

    def read(self) -> bytes:
        """Read all of it."""
        return self.storage.get(self.asset.key or "")

    @property
    def is_content(self) -> bool:
        """Whether it is the photo."""
        return self.role == "content"

    @property
    def info(self) -> images.PictureInfo:
        """As it was found when it was sent."""
        asset = self.asset
        return images.PictureInfo(asset.media_type, asset.width, asset.height)


def submit_stored(
    services: Services, owner_id: str, request: Request
) -> jobs.Submitted:
    """Take a job in JSON; it is durable by then.

    Raises:
        InvalidParams: Values are wrong or missing, pictures are not the caller's, or
            masks cannot be used; all are named.
        StorageFull: There is no room for its result.
        QueueFull: Too many jobs are waiting.
    """
    require_room(services)
    recognize(json_object(request))
    wanted = stored_request(request, services.database.time)
    params, pictures = checked_work(services, wanted)
    stored = [
        Stored(one.role, one.position, one.asset.id, one.asset.digest)
        for one in pictures
    ]
    return enqueue(services, new_job(owner_id, params, stored, wanted))


def checked_work(
    services: Services, wanted: StoredRequest
) -> tuple[StyleParams, list[StoredPicture]]:
    """Find the pictures of a request, and see that they go with its parameters.

    Raises:
        InvalidParams: Values are wrong or missing, pictures are not the caller's, or
            masks cannot be used; all are named.
    """
    pictures = _pictures(services, wanted)
    errors = wanted.errors
    errors += mask_errors(services, [(one, one.info) for one in pictures])
    if errors or wanted.params is None:
        raise InvalidParams(errors)
    return wanted.params, pictures


def _pictures(services: Services, wanted: StoredRequest) -> list[StoredPicture]:
    """Find the pictures; those that are not the caller's go to the errors."""
    found = []
    for ref in wanted.refs:
        try:
            asset = find_asset(ref.asset_id)
        except NotFound as error:
            detail = "is no picture of yours"
            wanted.errors.append(FieldError(ref.pointer, error.code, detail))
        else:
            pointer = ref.pointer.removesuffix("/asset_id")
            found.append(
                StoredPicture(ref.role, ref.position, pointer, asset, services.storage)
            )
    return found
