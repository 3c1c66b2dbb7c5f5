"""/v1/assets: uploaded pictures, kept once for their owner."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Response, request
from pydantic import Field

from api.assets.schemas import AssetForm, AssetObject, AssetPage
from api.assets.service import (
    AssetPath,
    DigestPath,
    asset_url,
    drop_blobs,
    find_asset,
    find_asset_by_digest,
    keep_upload,
    present_asset,
)
from api.auth.authenticate import current_owner_id
from api.dependencies import current_services
from api.http.pagination import PageQuery, read_page
from api.http.responses import answer, cacheable, next_link, picture_answer
from api.http.routes import delete, get, make_blueprint, post
from api.idempotency import creates
from shared.assets import Purpose, query_assets, remove_asset

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.db.models.assets import Asset

blueprint = make_blueprint("assets", "Uploaded pictures, kept once for their owner.")

_FOREVER = "private, max-age=31536000, immutable"


class AssetsQuery(PageQuery):
    """Which pictures."""

    purpose: Purpose | None = Field(
        default=None,
        description="those that were sent for this; `shipped`: those that "
        "explorations took from Impasto itself, which are not listed otherwise",
    )


@post(
    blueprint, "/v1/assets", AssetForm, s200=AssetObject, s201=AssetObject, s400=None,
    s409=None, s413=None, s415=None, s503=None,
)  # fmt: skip
@creates
def add_asset() -> Response:
    """Upload a picture; 200: it is yours already.

    With `expires_in` it goes some time after that, unless a job uses it then. Sent
    again, it is kept as long as the longest of its senders' wishes.
    """
    asset, is_new = keep_upload(current_services(), current_owner_id(), request)
    response = answer(present_asset(asset), 201 if is_new else 200)
    response.headers["Location"] = asset_url(asset.id)
    return response


@get(blueprint, "/v1/assets", s200=AssetPage, s400=None)
def list_assets(query: AssetsQuery) -> Response:
    """List uploaded pictures, newest first."""
    database, owner_id = current_services().database, current_owner_id()

    def read(
        asked: AssetsQuery, limit: int, before: tuple[float, str] | None
    ) -> Sequence[Asset]:
        return query_assets(database, owner_id, limit, before, asked.purpose)

    page = read_page(query, owner_id, "assets", read)
    data = [present_asset(each) for each in page.rows]
    response = answer(AssetPage(data=data, next_cursor=page.following))
    next_link(response, "/v1/assets", page.query.known(), page.following)
    return response


@get(blueprint, "/v1/assets/by-digest/<sha256>", s200=AssetObject, s404=None)
def show_asset_by_digest(path: DigestPath) -> Response:
    """Look whether a picture is yours already; HEAD does as well."""
    return answer(present_asset(find_asset_by_digest(path.sha256)))


@get(blueprint, "/v1/assets/<asset_id>", s200=AssetObject, s404=None)
def show_asset(path: AssetPath) -> Response:
    """Look at what is known of an uploaded picture."""
    return cacheable(answer(present_asset(find_asset(path.asset_id))))


@get(blueprint, "/v1/assets/<asset_id>/content", s200="image/*", s404=None)
def show_content(path: AssetPath) -> Response:
    """Look at an uploaded picture, as it was sent."""
    asset = find_asset(path.asset_id)
    file = current_services().storage.open(asset.key or "")
    name = f"{asset.id}.{asset.media_type.rpartition('/')[2]}"
    return picture_answer(file, asset.media_type, asset.digest, _FOREVER, name)


@delete(blueprint, "/v1/assets/<asset_id>", s204="", s404=None, s409=None)
def delete_asset(path: AssetPath) -> Response:
    """Delete an uploaded picture; 409 while a job that is not over uses it.

    Jobs that are over keep its digest, but can neither be tried again nor forked.
    """
    services, owner_id = current_services(), current_owner_id()
    find_asset(path.asset_id)
    key = remove_asset(services.database, owner_id, path.asset_id)
    if key is not None:
        drop_blobs(services, [key])
    return Response(status=204)
