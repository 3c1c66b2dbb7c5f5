"""/v1/stream-tokens: tokens that open a stream where no header can be sent."""

from __future__ import annotations

from flask import Response, request

from api.auth.authenticate import STREAM_TOKEN, current_key_id
from api.auth.stream_tokens import new_stream_token
from api.dependencies import current_dependencies
from api.http.json_body import require_no_body
from api.http.responses import json_response
from api.http.routes import make_blueprint, post
from api.http.timestamps import to_datetime
from api.keys.schemas import StreamTokenObject, StreamTokenUrls
from shared.auth.stream_tokens import store_stream_token
from shared.errors import NotFound

blueprint = make_blueprint("stream tokens", "For an EventSource, which sends no key.")


@post(
    blueprint,
    "/v1/stream-tokens",
    s201=StreamTokenObject,
    s400=None,
    s404=None,
    s413=None,
    s415=None,
)
def create_stream_token() -> Response:
    """Make a token that opens one stream of events, within 60 seconds.

    It is put into the address: of /v1/events as `urls.events` shows, or likewise of
    /v1/jobs/{id}/events. It may read what its key may, and ends with it. 404 where no
    keys are asked for: streams open without a token there.
    """
    key_id = current_key_id()
    if key_id is None:
        hint = "open the stream as it is"
        raise NotFound("no keys are asked for here, and so no tokens", hint=hint)
    require_no_body(request)
    dependencies = current_dependencies()
    token = new_stream_token(dependencies.secret)
    expires_at = store_stream_token(dependencies.database, key_id, token)
    body = StreamTokenObject(
        token=token,
        expires_at=to_datetime(expires_at),
        urls=StreamTokenUrls(events=f"/v1/events?{STREAM_TOKEN}={token}"),
    )
    return json_response(body, 201)
