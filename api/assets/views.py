"""Views of /v1/assets: uploaded pictures, stored once per owner."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from flask import Response, request
from pydantic import BaseModel, Field

from api.assets.schemas import AssetForm, AssetObject, AssetPage
from api.assets.service import (
    AssetPath,
    DigestPath,
    asset_url,
    find_asset,
    find_asset_by_digest,
    serialize_asset,
    store_upload,
)
from api.auth.authenticate import current_owner_id
from api.dependencies import current_dependencies
from api.http.header_sets import DIGEST, ETAG, LOCATION, NEXT_PAGE, PICTURE
from api.http.pagination import PageQuery, read_page
from api.http.responses import (
    add_etag,
    add_next_link,
    image_response,
    json_response,
    page_response,
)
from api.http.routes import delete, get, make_blueprint, post
from api.idempotency import idempotent
from shared.assets import Purpose, query_assets, remove_asset
from shared.storage import delete_blobs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.db.models.assets import Asset

blueprint = make_blueprint("assets", "Uploaded pictures, stored once per owner.")

_FOREVER = "private, max-age=31536000, immutable"


class AssetsQuery(PageQuery):
    """Query parameters of the list of assets."""

    item_model: ClassVar[type[BaseModel]] = AssetObject

    purpose: Purpose | None = Field(
        default=None,
        description="only pictures with this purpose; `shipped`: pictures of Impasto "
        "that explorations used, which are not listed by default",
    )


@post(
    blueprint, "/v1/assets", DIGEST, LOCATION, form=AssetForm, s200=AssetObject,
    s201=AssetObject,
)  # fmt: skip
@idempotent
def add_asset() -> Response:
    """Upload a picture; 200: you have uploaded it before.

    With `expires_in` the picture is deleted some time after its expiry, unless a job
    uses it then. If it is uploaded again, the longest expiry counts.
    """
    asset, is_new = store_upload(current_dependencies(), current_owner_id(), request)
    response = json_response(serialize_asset(asset), 201 if is_new else 200)
    response.headers["Location"] = asset_url(asset.id)
    return response


@get(blueprint, "/v1/assets", NEXT_PAGE, s200=AssetPage, s400=None)
def list_assets(query: AssetsQuery) -> Response:
    """List uploaded pictures, newest first."""
    database, owner_id = current_dependencies().database, current_owner_id()

    def read(
        page_query: AssetsQuery, limit: int, before: tuple[float, str] | None
    ) -> Sequence[Asset]:
        return query_assets(database, owner_id, limit, before, page_query.purpose)

    page = read_page(query, owner_id, "assets", read)
    data = [serialize_asset(asset) for asset in page.rows]
    body = AssetPage(data=data, next_cursor=page.next_cursor)
    response = page_response(body, page.query.fields)
    add_next_link(response, "/v1/assets", page.query.link_params(), page.next_cursor)
    return response


@get(blueprint, "/v1/assets/by-digest/<sha256>", s200=AssetObject)
def show_asset_by_digest(path: DigestPath) -> Response:
    """Find your asset by its digest; HEAD works, too."""
    return json_response(serialize_asset(find_asset_by_digest(path.sha256)))


@get(blueprint, "/v1/assets/<asset_id>", ETAG, s200=AssetObject)
def show_asset(path: AssetPath) -> Response:
    """Get the description of an uploaded picture."""
    return add_etag(json_response(serialize_asset(find_asset(path.asset_id))))


@get(blueprint, "/v1/assets/<asset_id>/content", *PICTURE, s200="image/*")
def show_content(path: AssetPath) -> Response:
    """Download an uploaded picture, as it was sent."""
    asset = find_asset(path.asset_id)
    file = current_dependencies().storage.open(asset.key or "")
    name = f"{asset.id}.{asset.media_type.rpartition('/')[2]}"
    return image_response(file, asset.media_type, asset.digest, _FOREVER, name)


@delete(blueprint, "/v1/assets/<asset_id>", s204="", s409=None)
def delete_asset(path: AssetPath) -> Response:
    """Delete an uploaded picture; 409 while a job that has not ended uses it.

    Jobs that have used the picture keep its digest, but cannot be retried or forked.
    """
    dependencies, owner_id = current_dependencies(), current_owner_id()
    find_asset(path.asset_id)
    key = remove_asset(dependencies.database, owner_id, path.asset_id)
    if key is not None:
        delete_blobs(dependencies.storage, [key])
    return Response(status=204)
