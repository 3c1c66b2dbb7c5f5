"""Responses: JSON, conditional requests, links to next pages, image files."""

from __future__ import annotations

import re
from http import HTTPStatus
from io import SEEK_END
from typing import TYPE_CHECKING, Any
from unicodedata import normalize
from urllib.parse import quote, urlencode

from flask import Response, request
from werkzeug.exceptions import HTTPException
from werkzeug.wsgi import FileWrapper

from shared.errors import VersionMismatch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import IO

    from pydantic import BaseModel

_CHUNK_BYTES = 64 * 1024
_MAX_STEM_LENGTH = 100  # file systems allow 255 bytes


def json_response(body: BaseModel, status: int = 200) -> Response:
    """Respond with a model as JSON."""
    return Response(body.model_dump_json(), status, mimetype="application/json")


def page_response(page: BaseModel, fields: Sequence[str]) -> Response:
    """Respond with a page of a list, whose items have only the members in `fields`.

    Args:
        page: Model whose member `data` has the items.
        fields: Members of an item; empty for all members.
    """
    if not fields:
        return json_response(page)
    include: dict[str, Any] = dict.fromkeys(type(page).model_fields, True)
    include["data"] = {"__all__": set(fields)}
    return Response(page.model_dump_json(include=include), mimetype="application/json")


def add_etag(response: Response) -> Response:
    """Add an ETag, a digest of the body, and respond with 304 if the client has it."""
    response.add_etag()
    response.headers["Cache-Control"] = "private, no-cache"
    return make_conditional(response)


def make_conditional(response: Response, **ranges: Any) -> Response:
    """Apply If-None-Match, If-Match and, if `ranges` accept it, Range.

    Raises:
        VersionMismatch: If-Match names another version. Werkzeug would send the whole
            body with a 412, which is not a problem document.
    """
    try:
        response.make_conditional(request, **ranges)
    except HTTPException:  # the file has no such range
        response.close()
        raise
    if response.status_code == HTTPStatus.PRECONDITION_FAILED:
        response.close()
        raise VersionMismatch(
            "If-Match names another version than this is",
            hint="leave If-Match out, or send the ETag",
        )
    return response


def add_next_link(
    response: Response, path: str, params: Mapping[str, object], next_cursor: str | None
) -> None:
    """Add a Link header to the next page, if there is one (RFC 8288)."""
    if next_cursor is not None:
        query = urlencode({**params, "cursor": next_cursor}, doseq=True)
        response.headers["Link"] = f'<{path}?{query}>; rel="next"'


def image_response(
    file: IO[bytes], media_type: str, etag: str, cache: str, name: str
) -> Response:
    """Respond with an image file, or the requested range of it, to be saved as `name`.

    The file is sent in chunks, so that no whole image is in memory. The file is closed
    with the response.
    """
    size = file.seek(0, SEEK_END)
    file.seek(0)
    response = Response(FileWrapper(file, _CHUNK_BYTES), mimetype=media_type)
    response.content_length = size
    response.set_etag(etag)
    response.headers["Cache-Control"] = cache
    response.headers["Content-Disposition"] = _disposition(name)
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response.headers["Accept-Ranges"] = "bytes"
    if _requests_range(size):
        return make_conditional(response, accept_ranges=True, complete_length=size)
    return make_conditional(response)


def file_stem(name: str | None, job_id: str) -> str:
    """Return the name of a job's files without extension: the job's name or id."""
    words = "-".join(re.findall(r"[^\W_]+", name or ""))
    return words[:_MAX_STEM_LENGTH].strip("-") or f"impasto-{job_id}"


def _disposition(name: str) -> str:
    """Return a Content-Disposition with a file name of letters, digits, `-`, `.`, `_`.

    Clients that do not support `filename*` (RFC 6266, 4.3) use a name in ASCII.
    """
    plain = normalize("NFKD", name).encode("ascii", "ignore").decode()
    header = f'inline; filename="{plain}"'
    return header if plain == name else f"{header}; filename*=UTF-8''{quote(name)}"


def _requests_range(size: int) -> bool:
    """Return whether one range of bytes is requested; any other Range is ignored."""
    # RFC 9110, 14.2; Werkzeug would respond with 416. It also drops the W/ of a weak
    # ETag, which must not be used to combine ranges (13.1.5).
    range_header = request.range
    if (
        range_header is None
        or range_header.units != "bytes"
        or len(range_header.ranges) != 1
    ):
        return False
    start, _ = range_header.ranges[0]
    is_whole_file = start < -size  # the last `-start` bytes, more than the file has
    return not is_whole_file and not request.headers.get("If-Range", "").startswith(
        "W/"
    )
