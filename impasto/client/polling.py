"""Polling of one job: long polls where the server supports them, else short polls."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from impasto.client.transport import job_path, retry_after_seconds
from impasto.errors import TooManyStreams

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx2

    from impasto.client.models import Job
    from impasto.client.transport import Transport

_POLL_RETRIES = 8  # a server that restarts is back within about 20 s


class JobPoller:
    """Poller of one job.

    Args:
        transport: Transport that sends the requests.
        job_id: Full id of the job.
        parse_job: Function that parses a job from a response.
        interval_seconds: Maximum time between two polls, in whole seconds. A long poll
            returns a new state at once. Without long polls the server may request a
            shorter time.
        deadline: Time of the transport's clock for the last poll.
    """

    def __init__(
        self,
        transport: Transport,
        job_id: str,
        parse_job: Callable[[httpx2.Response], Job],
        interval_seconds: int,
        deadline: float = math.inf,
    ) -> None:
        self._transport, self._parse_job = transport, parse_job
        self._path = job_path(job_id)
        self._interval_seconds, self._deadline = interval_seconds, deadline
        self._supports_long_poll = True  # until a response shows that it does not
        self._latest: tuple[httpx2.Response, Job] | None = None

    async def read(self) -> Job:
        """Return the job, at once in the first call, later after a change or a wait."""
        if self._latest is None:
            response = await self._transport.get(self._path, deadline=self._deadline)
        else:
            response = await self._poll(self._latest[0])
        if self._latest is None or response.content:
            self._latest = response, self._parse_job(response)
        return self._latest[1]

    async def _poll(self, latest: httpx2.Response) -> httpx2.Response:
        left = max(0.0, self._deadline - self._transport.clock())
        if left < 1:  # shorter than a long poll
            await self._transport.sleep(left)
            return await self._get(latest, {})
        interval_seconds = int(min(self._interval_seconds, left))
        poll = self._long_poll if self._supports_long_poll else self._short_poll
        return await poll(latest, interval_seconds)

    async def _long_poll(
        self, latest: httpx2.Response, interval_seconds: int
    ) -> httpx2.Response:
        prefer = {"Prefer": f"wait={interval_seconds}"}
        due_at = self._transport.clock() + interval_seconds
        try:
            response = await self._get(latest, prefer)
        except TooManyStreams:  # short polls are still possible
            return await self._short_poll(latest, interval_seconds)
        self._supports_long_poll = "Preference-Applied" in response.headers
        # A server that is shutting down answers long polls at once. `sleep` is called
        # in any case, since it may supervise processes.
        early = 0.0 if response.content else due_at - self._transport.clock()
        await self._transport.sleep(max(0.0, early if self._supports_long_poll else 0))
        return response

    async def _short_poll(
        self, latest: httpx2.Response, interval_seconds: int
    ) -> httpx2.Response:
        retry_after = retry_after_seconds(latest)
        await self._transport.sleep(min(retry_after or 1.0, interval_seconds))
        return await self._get(latest, {})

    async def _get(
        self, latest: httpx2.Response, prefer: dict[str, str]
    ) -> httpx2.Response:
        headers = {"If-None-Match": latest.headers.get("ETag", ""), **prefer}
        return await self._transport.get(
            self._path, headers=headers, retries=_POLL_RETRIES, deadline=self._deadline
        )
