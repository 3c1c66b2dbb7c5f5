"""What a client would like: how long an answer may wait (RFC 7240), and a stream."""

from __future__ import annotations

import re

from flask import request

from api.http.sse import MEDIA_TYPE

LONGEST_WAIT_SECONDS = 60

_WAIT = re.compile(
    r"""(?:^|[,;])\s*wait\s*=\s*"?(\d{1,9})"?\s*(?=$|[,;])""", re.IGNORECASE
)


def wanted_wait_seconds(prefer: str) -> int:
    """Read `wait=N`, at most 60; 0 if it is not said.

    What cannot be read counts as not said: a preference is no demand (section 2).
    """
    found = _WAIT.search(prefer)
    return 0 if found is None else min(int(found[1]), LONGEST_WAIT_SECONDS)


def wants_stream() -> bool:
    """Whether the current request would rather have a stream than a page."""
    if request.method == "HEAD":
        return False  # its answer has no body that could end, and give its place back
    offered = ["application/json", MEDIA_TYPE]
    return request.accept_mimetypes.best_match(offered) == MEDIA_TYPE
