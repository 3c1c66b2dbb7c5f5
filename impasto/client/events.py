"""Event streams, which continue after a lost connection at their last event."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING

import httpx2

from impasto.client.models import Event
from impasto.client.transport import raise_for_problem, retry_pause
from impasto.errors import ApiError, ImpastoError, ServerUnreachable

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from impasto.client.transport import Transport

ALL_EVENTS = "/v1/events"
_END, _RECONNECT, _PROBLEM = "end", "reconnect", "problem"
_RETRIES = 8  # a server that restarts is back within about 20 s


async def read_events(
    transport: Transport, path: str, query: Mapping[str, object], after: int | None
) -> AsyncGenerator[Event, None]:
    """Yield the events of a stream; a stream of one job ends with the job.

    A connection that breaks before its first event is followed by one that begins now;
    after that, no event of the log is missed.

    Args:
        transport: Transport that sends the requests.
        path: Path of the stream.
        query: Query of the URL; None members are omitted.
        after: Number of the last received event, or None to begin now.

    Raises:
        ServerUnreachable: The connection was lost for more than 20 s.
        Unauthenticated: The API key was revoked, or has expired.
    """
    last_id, tries = None if after is None else str(after), 0
    while True:
        try:
            async with transport.open_events(path, query, last_id) as messages:
                if messages is None:  # the job has ended, and all events were read
                    return
                async for message in messages:
                    event = _parse_event(message)
                    last_id, tries = event.id or last_id, 0
                    if event.kind != _RECONNECT:
                        yield event
                    if event.kind == _END and path != ALL_EVENTS:
                        return
            failure: ImpastoError = ServerUnreachable("the server closed the stream")
        except (ApiError, ServerUnreachable) as error:
            failure = error
        pause = retry_pause(failure, tries)
        if pause is None or tries == _RETRIES:
            raise failure
        await transport.sleep(pause)
        tries += 1


def _parse_event(message: httpx2.ServerSentEvent) -> Event:
    """Parse an event; raise the error of a problem.

    Raises:
        ApiError: The server ends the stream for this reason.
    """
    event = Event(message.event, json.loads(message.data), message.id or None)
    if event.kind == _PROBLEM:
        status = event.data.get("status", HTTPStatus.UNAUTHORIZED)
        raise_for_problem(httpx2.Response(status, json=event.data))
    return event
