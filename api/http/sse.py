"""Server-sent events as text (https://html.spec.whatwg.org/multipage/#event-stream)."""

from __future__ import annotations

MEDIA_TYPE = "text/event-stream"
HEARTBEAT = ": still here\n\n"

_RETRY_MILLISECONDS = 3000
OPENING = f"retry: {_RETRY_MILLISECONDS}\n\n"


def event_text(kind: str, data: str, event_id: int | None = None) -> str:
    """Write one event.

    Args:
        kind: What the browser calls it: `addEventListener(kind, ...)`.
        data: JSON in one line.
        event_id: Where a client that comes back goes on from; None: as before.
    """
    named = "" if event_id is None else f"id: {event_id}\n"
    return f"event: {kind}\n{named}data: {data}\n\n"
