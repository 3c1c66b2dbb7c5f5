"""W3C Trace Context, level 1: the trace id of a request in a larger system.

A request can have a `traceparent` header. Its job stores the header, and the logs of
both contain the trace id. So one search finds all logs from the first request of the
larger system to the picture.
"""

from __future__ import annotations

import re
from contextvars import ContextVar
from dataclasses import dataclass

# https://www.w3.org/TR/trace-context/#traceparent-header; later versions may append.
_TRACEPARENT = re.compile(
    r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?"
)
_VERSION_00_LENGTH = 55  # characters; the version that is parsed here
_INVALID_VERSION = "ff"


@dataclass(frozen=True, slots=True)
class TraceContext:
    """Trace and span that a request belongs to.

    Attributes:
        traceparent: Value of the `traceparent` header.
        trace_id: Id of the whole trace, 32 hexadecimal digits.
    """

    traceparent: str
    trace_id: str


CURRENT_TRACE: ContextVar[TraceContext | None] = ContextVar("trace", default=None)


def parse_traceparent(header: str | None) -> TraceContext | None:
    """Parse a `traceparent`; None if missing or invalid (section 3.2.2.3)."""
    match = _TRACEPARENT.fullmatch((header or "").strip())
    if match is None:
        return None
    version, trace_id, parent_id, rest = match.groups()
    is_all_zero = not trace_id.strip("0") or not parent_id.strip("0")
    if is_all_zero or version == _INVALID_VERSION or (version == "00" and rest):
        return None
    return TraceContext(match[0][:_VERSION_00_LENGTH], trace_id)
