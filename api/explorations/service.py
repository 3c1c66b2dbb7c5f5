"""Submission of explorations: find or store pictures, commit the row, notify workers.

An exploration without pictures takes the photos that Impasto ships.
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from werkzeug.datastructures import FileStorage

from api.assets.service import find_asset
from api.assets.uploads import UploadedPicture, inspect_pictures, store_pictures
from api.explorations.request import read_exploration_request
from api.idempotency import require_free_space
from api.jobs.submission import enqueue
from api.jobs.work_digest import work_digest
from shared.assets import AssetOptions, Purpose
from shared.errors import FieldError, InvalidParams, NotFound
from shared.jobs.submit import NewJob, NewJobInput
from shared.params.explore import MAX_PICTURES, MIN_PICTURES
from shared.params.memory import explore_need_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from werkzeug.wrappers import Request

    from api.dependencies import Dependencies
    from api.explorations.request import ExplorationRequest
    from shared.db.models.assets import Asset
    from shared.jobs.submit import SubmittedJob


def submit_exploration(
    dependencies: Dependencies, owner_id: str, request: Request
) -> SubmittedJob:
    """Submit an exploration; it is durable on return.

    The same picture sent twice counts once.

    Raises:
        InvalidParams: Values are wrong, or the pictures too few; all are named.
        PictureRefused: Some pictures cannot be used.
        StorageFull: The storage has no space for the pictures.
        QueueFull: Too many jobs are waiting.
    """
    require_free_space(dependencies)
    with read_exploration_request(request, dependencies) as exploration:
        assets, options = _find_assets(exploration), None
        files = exploration.pictures
        if not assets and not files:
            files, options = load_shipped_pictures(), AssetOptions(Purpose.SHIPPED)
        digests = [asset.digest for asset in assets]
        digests += [file.digest() for file in files]
        _check_count(len(digests), len(set(digests)), exploration)
        stored = store_pictures(
            dependencies,
            owner_id,
            inspect_pictures(dependencies, owner_id, files),
            options,
        )
    pictures = {asset.id: asset.digest for asset in assets}
    pictures |= {asset.asset_id: asset.digest for asset in stored}
    return enqueue(dependencies, _new_job(owner_id, exploration, pictures))


def _find_assets(exploration: ExplorationRequest) -> list[Asset]:
    """Find the assets that the parameters refer to.

    Raises:
        InvalidParams: The caller does not own some of them.
    """
    assets, errors = [], []
    for index, asset_id in enumerate(exploration.params.pictures):
        try:
            assets.append(find_asset(asset_id))
        except NotFound as error:
            pointer = f"{exploration.pointer_prefix}/pictures/{index}"
            errors.append(FieldError(pointer, error.code, "is no picture of yours"))
    if errors:
        raise InvalidParams(errors)
    return assets


def _check_count(sent: int, distinct: int, exploration: ExplorationRequest) -> None:
    pointer = (
        "/picture" if exploration.pictures else f"{exploration.pointer_prefix}/pictures"
    )
    if distinct < MIN_PICTURES:
        duplicates = (
            f" ({sent} in all, some of them the same)" if sent > distinct else ""
        )
        detail = f"{distinct} distinct picture(s){duplicates}, at least {MIN_PICTURES}"
        raise InvalidParams([FieldError(pointer, "too-few", detail)])
    if distinct > MAX_PICTURES:
        detail = f"{distinct} pictures, at most {MAX_PICTURES}"
        raise InvalidParams([FieldError(pointer, "too-many", detail)])


def _new_job(
    owner_id: str, exploration: ExplorationRequest, pictures: Mapping[str, str]
) -> NewJob:
    """Build the new job; `pictures` holds digests by asset id, in order of position."""
    params = exploration.params.with_pictures(list(pictures))
    digests = {
        ("picture", position): digest
        for position, digest in enumerate(pictures.values())
    }
    return NewJob(
        owner_id=owner_id,
        params=params,
        inputs=tuple(
            NewJobInput("picture", position, asset_id)
            for position, asset_id in enumerate(pictures)
        ),
        name=exploration.name,
        need_bytes=explore_need_bytes(params),
        params_digest=work_digest(params, (), digests),
        reuse=exploration.reuse,
    )


SHIPPED_FOLDER = Path(__file__).resolve().parents[2] / "samples" / "photos"


def load_shipped_pictures() -> list[UploadedPicture]:
    """Load the shipped photos as if they were uploaded, always in the same order."""
    return [
        UploadedPicture("picture", position, FileStorage(BytesIO(path.read_bytes())))
        for position, path in enumerate(sorted(SHIPPED_FOLDER.glob("*.jpg")))
    ]
