"""Server-sent events as text (https://html.spec.whatwg.org/multipage/#event-stream)."""

from __future__ import annotations

MEDIA_TYPE = "text/event-stream"
# Without an empty line, which would end an event: some clients report it as one.
HEARTBEAT = ": still here\n"

_RETRY_MILLISECONDS = 3000
OPENING = f"retry: {_RETRY_MILLISECONDS}\n"  # becomes part of the first event


def format_event(kind: str, data: str, event_id: int | None = None) -> str:
    """Return the text of one event.

    Args:
        kind: Type of the event, as in `addEventListener(kind, ...)`.
        data: JSON in one line.
        event_id: Last-Event-ID of a client that reconnects; None leaves it unchanged.
    """
    id_line = "" if event_id is None else f"id: {event_id}\n"
    return f"event: {kind}\n{id_line}data: {data}\n\n"
