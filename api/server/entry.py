"""/v1: where a client that knows nothing begins."""

from __future__ import annotations

from importlib.metadata import version

from flask import Response  # noqa: TC002 - flask-openapi reads the annotations

from api.http.responses import add_etag, json_response
from api.http.routes import get, make_blueprint
from api.server.schemas import Entry, ServerUrls

blueprint = make_blueprint("entry", "Where everything begins.")

_URLS = ServerUrls(
    self="/v1",
    jobs="/v1/jobs",
    assets="/v1/assets",
    estimates="/v1/estimates",
    explorations="/v1/explorations",
    events="/v1/events",
    queue="/v1/queue",
    capabilities="/v1/capabilities",
    me="/v1/me",
    keys="/v1/keys",
    openapi="/openapi.json",
    docs="/docs",
    problems="/problems/",
)


@get(blueprint, "/v1", s200=Entry)
def show_entry() -> Response:
    """Tell where everything begins; without a key, as nothing here is anybody's."""
    return add_etag(json_response(Entry(version=version("impasto"), urls=_URLS)))
