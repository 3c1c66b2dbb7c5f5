"""Which trace of a larger system this work belongs to: W3C Trace Context, level 1.

A request may say so; its job keeps it, and the logs of both carry the trace's id. So
one search finds what happened to an order from its first request to its picture.
"""

from __future__ import annotations

import re
from contextvars import ContextVar
from dataclasses import dataclass

# https://www.w3.org/TR/trace-context/#traceparent-header; later versions may add to it.
_FORM = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?")
_KEPT_CHARACTERS = 55  # of version 00, which is what we understand
_NEVER = "ff"


@dataclass(frozen=True, slots=True)
class Trace:
    """A place in a trace.

    Attributes:
        parent: As the header says it.
        id: Of the whole trace, 32 hexadecimal digits.
    """

    parent: str
    id: str


CURRENT: ContextVar[Trace | None] = ContextVar("trace", default=None)


def read_trace(header: str | None) -> Trace | None:
    """Read a `traceparent`; None: it is missing, or says nothing (section 3.2.2.3)."""
    found = _FORM.fullmatch((header or "").strip())
    if found is None:
        return None
    version, trace_id, parent_id, more = found.groups()
    is_void = not trace_id.strip("0") or not parent_id.strip("0")
    if is_void or version == _NEVER or (version == "00" and more):
        return None
    return Trace(found[0][:_KEPT_CHARACTERS], trace_id)
