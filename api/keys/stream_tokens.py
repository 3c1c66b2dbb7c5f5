"""/v1/stream-tokens: what opens a stream where no header can be sent."""

from __future__ import annotations

from flask import Response, request

from api.auth.authenticate import STREAM_TOKEN, current_key_id
from api.auth.stream_tokens import new_stream_token
from api.dependencies import current_services
from api.http.json_body import require_no_body
from api.http.responses import answer
from api.http.routes import make_blueprint, post
from api.http.timestamps import instant
from api.keys.schemas import StreamTokenObject, StreamTokenUrls
from shared.auth.stream_tokens import keep_stream_token
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
    services = current_services()
    token = new_stream_token(services.secret)
    expires_at = keep_stream_token(services.database, key_id, token)
    body = StreamTokenObject(
        token=token,
        expires_at=instant(expires_at),
        urls=StreamTokenUrls(events=f"/v1/events?{STREAM_TOKEN}={token}"),
    )
    return answer(body, 201)
