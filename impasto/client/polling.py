"""Polling of one job: long polls where the server supports them, else short polls."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from impasto.client.transport import job_path, retry_after_seconds
from impasto.errors import TooManyStreams

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import httpx2

    from impasto.client.models import Job
    from impasto.client.transport import Transport

_POLL_RETRIES = 8  # a server that restarts is back within about 20 s


class JobPoller:
    """Polls one job until it is over.

    Args:
        transport: Transport that sends the requests.
        job_id: Full id of the job.
        parse_job: Function that parses a job from a response.
        interval_seconds: Longest time between two polls, in whole seconds; a long poll
            returns a new state at once. Without long polls the server may ask for a
            shorter time.
        clock: Monotonic clock, in seconds.
        deadline: Time of the clock for the last poll; None: no limit.
    """

    def __init__(
        self,
        transport: Transport,
        job_id: str,
        parse_job: Callable[[httpx2.Response], Job],
        interval_seconds: int,
        clock: Callable[[], float],
        deadline: float | None = None,
    ) -> None:
        self._transport, self._parse_job = transport, parse_job
        self._path = job_path(job_id)
        self._interval_seconds, self._clock = interval_seconds, clock
        self._deadline = math.inf if deadline is None else deadline
        self._supports_long_poll = True  # until a response shows that it does not

    def poll_until_over(self) -> Iterator[Job]:
        """Yield the job at every poll; the same object when nothing changed."""
        latest = self._transport.get(self._path)
        job = self._parse_job(latest)
        while True:
            yield job
            if job.is_over:
                return
            response = self._poll(latest)
            if response.content:
                latest, job = response, self._parse_job(response)

    def _poll(self, latest: httpx2.Response) -> httpx2.Response:
        left = max(0.0, self._deadline - self._clock())
        if left < 1:  # less than a long poll can wait
            self._transport.sleep(left)
            return self._get(latest, {})
        interval_seconds = int(min(self._interval_seconds, left))
        poll = self._long_poll if self._supports_long_poll else self._short_poll
        return poll(latest, interval_seconds)

    def _long_poll(
        self, latest: httpx2.Response, interval_seconds: int
    ) -> httpx2.Response:
        prefer = {"Prefer": f"wait={interval_seconds}"}
        due_at = self._clock() + interval_seconds
        try:
            response = self._get(latest, prefer)
        except TooManyStreams:  # a short poll is answered all the same
            return self._short_poll(latest, interval_seconds)
        self._supports_long_poll = "Preference-Applied" in response.headers
        # A server that is shutting down answers long polls at once. `sleep` is called
        # in any case, since it may supervise processes.
        early = 0.0 if response.content else due_at - self._clock()
        self._transport.sleep(max(0.0, early) if self._supports_long_poll else 0.0)
        return response

    def _short_poll(
        self, latest: httpx2.Response, interval_seconds: int
    ) -> httpx2.Response:
        retry_after = retry_after_seconds(latest)
        self._transport.sleep(min(retry_after or 1.0, interval_seconds))
        return self._get(latest, {})

    def _get(self, latest: httpx2.Response, prefer: dict[str, str]) -> httpx2.Response:
        headers = {"If-None-Match": latest.headers.get("ETag", ""), **prefer}
        return self._transport.get(self._path, headers=headers, retries=_POLL_RETRIES)
