"""A new exploration: pictures found or stored, row committed, bell rung.

The photos that Impasto ships, for who explores layers without own pictures.
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from werkzeug.datastructures import FileStorage

from api.assets.service import find_asset
from api.assets.uploads import Picture, inspect_all, keep_all
from api.explorations.request import exploration_request
from api.idempotency import require_room
from api.jobs.submission import enqueue
from api.jobs.work_digest import work_digest
from shared.assets import Purpose, Wish
from shared.errors import FieldError, InvalidParams, NotFound
from shared.jobs.submit import Input, NewJob
from shared.params.explore import MAX_PICTURES, MIN_PICTURES
from shared.params.memory import explore_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from werkzeug.wrappers import Request

    from api.dependencies import Services
    from api.explorations.request import ExplorationRequest
    from shared.db.models.assets import Asset
    from shared.jobs.submit import Submitted


def submit_exploration(
    services: Services, owner_id: str, request: Request
) -> Submitted:
    """Take an exploration; it is durable by then.

    The same picture sent twice counts once.

    Raises:
        InvalidParams: Values are wrong, or the pictures too few; all are named.
        PictureRefused: A file is not a picture we take.
        StorageFull: There is no room for the pictures.
        QueueFull: Too many jobs are waiting.
    """
    require_room(services)
    with exploration_request(request, services) as wanted:
        known, wish = _known(wanted), None
        files = wanted.pictures
        if not known and not files:
            files, wish = shipped_pictures(), Wish(Purpose.SHIPPED)
        digests = [asset.digest for asset in known]
        digests += [file.digest() for file in files]
        _check_count(len(digests), len(set(digests)), wanted)
        stored = keep_all(services, owner_id, inspect_all(services, files), wish)
    pictures = {asset.id: asset.digest for asset in known}
    pictures |= {one.asset_id: one.digest for one in stored}
    return enqueue(services, _new_job(owner_id, wanted, pictures))


def _known(wanted: ExplorationRequest) -> list[Asset]:
    """Find the pictures that were sent before.

    Raises:
        InvalidParams: Some were not, by this caller.
    """
    found, errors = [], []
    for index, asset_id in enumerate(wanted.params.pictures):
        try:
            found.append(find_asset(asset_id))
        except NotFound as error:
            pointer = f"{wanted.prefix}/pictures/{index}"
            errors.append(FieldError(pointer, error.code, "is no picture of yours"))
    if errors:
        raise InvalidParams(errors)
    return found


def _check_count(sent: int, distinct: int, wanted: ExplorationRequest) -> None:
    pointer = "/picture" if wanted.pictures else f"{wanted.prefix}/pictures"
    if distinct < MIN_PICTURES:
        same = f" ({sent} in all, some of them the same)" if sent > distinct else ""
        detail = f"{distinct} distinct picture(s){same}, at least {MIN_PICTURES}"
        raise InvalidParams([FieldError(pointer, "too-few", detail)])
    if distinct > MAX_PICTURES:
        detail = f"{distinct} pictures, at most {MAX_PICTURES}"
        raise InvalidParams([FieldError(pointer, "too-many", detail)])


def _new_job(
    owner_id: str, wanted: ExplorationRequest, pictures: Mapping[str, str]
) -> NewJob:
    """Put the job together; `pictures` are digests by asset id, in their order."""
    params = wanted.params.with_pictures(list(pictures))
    digests = {("picture", n): digest for n, digest in enumerate(pictures.values())}
    return NewJob(
        owner_id=owner_id,
        params=params,
        inputs=tuple(
            Input("picture", position, asset_id)
            for position, asset_id in enumerate(pictures)
        ),
        name=wanted.name,
        need_bytes=explore_bytes(params),
        params_digest=work_digest(params, (), digests),
        reuse=wanted.reuse,
    )


FOLDER = Path(__file__).resolve().parents[2] / "samples" / "photos"


def shipped_pictures() -> list[Picture]:
    """Read the shipped set, as if it had been sent; the order is always the same."""
    return [
        Picture("picture", position, FileStorage(BytesIO(path.read_bytes())))
        for position, path in enumerate(sorted(FOLDER.glob("*.jpg")))
    ]
