"""Responses: JSON, conditional requests, pages of a list, picture files."""

from __future__ import annotations

from http import HTTPStatus
from io import SEEK_END
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from flask import Response, request
from werkzeug.exceptions import HTTPException
from werkzeug.wsgi import FileWrapper

from shared.errors import VersionMismatch

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import IO

    from pydantic import BaseModel

_PIECE_BYTES = 64 * 1024


def answer(body: BaseModel, status: int = 200) -> Response:
    """Send a model as JSON."""
    return Response(body.model_dump_json(), status, mimetype="application/json")


def cacheable(response: Response) -> Response:
    """Let who has it already be told so: by a digest of all of it."""
    response.add_etag()
    response.headers["Cache-Control"] = "private, no-cache"
    return conditional(response)


def conditional(response: Response, **ranges: Any) -> Response:
    """Answer If-None-Match, If-Match and Range, the latter if `ranges` accept it.

    Raises:
        VersionMismatch: If-Match names something else; Werkzeug would send it all, as
            a 412 that is no problem document.
    """
    try:
        response.make_conditional(request, **ranges)
    except HTTPException:  # no such part of it
        response.close()
        raise
    if response.status_code == HTTPStatus.PRECONDITION_FAILED:
        response.close()
        raise VersionMismatch(
            "If-Match names another version than this is",
            hint="leave If-Match out, or send the ETag",
        )
    return response


def next_link(
    response: Response, path: str, known: Mapping[str, object], following: str | None
) -> None:
    """Add where the next page is, if there is one (RFC 8288)."""
    if following is not None:
        query = urlencode({**known, "cursor": following}, doseq=True)
        response.headers["Link"] = f'<{path}?{query}>; rel="next"'


def picture_answer(
    file: IO[bytes], media_type: str, etag: str, cache: str, name: str
) -> Response:
    """Send a picture, or the part of it that was asked for, to be saved as `name`.

    Piece by piece: however many are sent at once, none is in memory as a whole. The
    file is closed with the answer.
    """
    size = file.seek(0, SEEK_END)
    file.seek(0)
    response = Response(FileWrapper(file, _PIECE_BYTES), mimetype=media_type)
    response.content_length = size
    response.set_etag(etag)
    response.headers["Cache-Control"] = cache
    response.headers["Content-Disposition"] = f'inline; filename="{name}"'
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response.headers["Accept-Ranges"] = "bytes"
    if _asks_for_a_part(size):
        return conditional(response, accept_ranges=True, complete_length=size)
    return conditional(response)


def _asks_for_a_part(size: int) -> bool:
    """Whether one part is asked for, in bytes; anything else counts as not said."""
    # RFC 9110, 14.2; Werkzeug would answer 416. It also drops the W/ of a weak ETag,
    # of which no part can be told to belong to what the client has (13.1.5).
    told = request.range
    if told is None or told.units != "bytes" or len(told.ranges) != 1:
        return False
    begins_at, _ = told.ranges[0]
    is_all = begins_at < -size  # its last so many bytes
    return not is_all and not request.headers.get("If-Range", "").startswith("W/")
