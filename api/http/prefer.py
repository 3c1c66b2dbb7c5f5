"""Parser of client preferences: `Prefer: wait=N` (RFC 7240), and stream or page."""

from __future__ import annotations

import re

from flask import request

STREAM_TYPE = "text/event-stream"
MAX_WAIT_SECONDS = 60

_WAIT_PATTERN = re.compile(
    r"""(?:^|[,;])\s*wait\s*=\s*"?(\d{1,9})"?\s*(?=$|[,;])""", re.IGNORECASE
)


def parse_wait_seconds(prefer: str) -> int:
    """Return the seconds of `wait=N`, at most 60; 0 if the header has none.

    An invalid preference is ignored, as RFC 7240, section 2, requires.
    """
    match = _WAIT_PATTERN.search(prefer)
    return 0 if match is None else min(int(match[1]), MAX_WAIT_SECONDS)


def prefers_stream() -> bool:
    """Return whether the current request prefers a stream to a page."""
    if request.method == "HEAD":
        return False  # HEAD has no body, so the stream slot would not be freed
    offered = ["application/json", STREAM_TYPE]
    return request.accept_mimetypes.best_match(offered) == STREAM_TYPE
