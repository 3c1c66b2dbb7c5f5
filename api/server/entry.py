"""View of /v1: the entry of the API, with the URLs of its resources."""

from __future__ import annotations

from importlib.metadata import version

from flask import Response  # noqa: TC002 - read_parameters reads the annotations

from api.http.header_sets import ETAG
from api.http.responses import add_etag, json_response
from api.http.routes import get, make_blueprint
from api.server.schemas import SERVER_URLS, Entry

blueprint = make_blueprint("entry", "Entry of the API.")


@get(blueprint, "/v1", ETAG, s200=Entry)
def show_entry() -> Response:
    """Return the URLs of all resources; needs no key, since they are no secret."""
    return add_etag(json_response(Entry(version=version("impasto"), urls=SERVER_URLS)))
