"""Looking at a job again and again; the server holds each answer until it is news."""

from __future__ import annotations

from typing import TYPE_CHECKING

from impasto.client.transport import retry_after_seconds
from impasto.errors import TooManyStreams

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import httpx

    from impasto.client.models import Job
    from impasto.client.transport import Wire

_PATIENT_RETRIES = 8  # a server that restarts is back within about 20 s


class Looks:
    """Looks at one job.

    Args:
        wire: How to reach the server.
        job_id: A full id.
        read: Reads a job from an answer.
        pause_seconds: Whole seconds between two looks; news of the state comes at
            once. Where the server does not hold answers it may ask for shorter ones.
        clock: Seconds that only grow.
    """

    def __init__(
        self,
        wire: Wire,
        job_id: str,
        read: Callable[[httpx.Response], Job],
        pause_seconds: int,
        clock: Callable[[], float],
    ) -> None:
        self._wire, self._read = wire, read
        self._path = f"/v1/jobs/{job_id}"
        self._pause_seconds, self._clock = pause_seconds, clock
        self._holds = True  # until the server shows that it does not

    def until_over(self) -> Iterator[Job]:
        """Yield the job at every look; the same object when nothing changed."""
        answer = self._wire.get(self._path)
        job = self._read(answer)
        while True:
            yield job
            if job.is_over:
                return
            fresh = self._held(answer) if self._holds else self._polled(answer)
            if fresh.content:
                answer, job = fresh, self._read(fresh)

    def _held(self, seen: httpx.Response) -> httpx.Response:
        wait = {"Prefer": f"wait={self._pause_seconds}"}
        due_at = self._clock() + self._pause_seconds
        try:
            fresh = self._get(seen, wait)
        except TooManyStreams:  # a look needs no place
            return self._polled(seen)
        self._holds = "Preference-Applied" in fresh.headers
        # A server that is about to end holds nothing any more. Whoever tends processes
        # does so here, if only for a moment.
        early = 0.0 if fresh.content else due_at - self._clock()
        self._wire.sleep(max(0.0, early) if self._holds else 0.0)
        return fresh

    def _polled(self, seen: httpx.Response) -> httpx.Response:
        asked = retry_after_seconds(seen)
        self._wire.sleep(min(asked or 1.0, self._pause_seconds))
        return self._get(seen, {})

    def _get(self, seen: httpx.Response, wait: dict[str, str]) -> httpx.Response:
        headers = {"If-None-Match": seen.headers.get("ETag", ""), **wait}
        return self._wire.get(self._path, headers=headers, retries=_PATIENT_RETRIES)
