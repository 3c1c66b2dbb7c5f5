"""Jobs over HTTP: submit, read, watch, act on, download."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Unpack

from impasto.client.calls import Awaited, Blocking, call, stream
from impasto.client.downloads import DownloadCalls
from impasto.client.events import read_events
from impasto.client.models import Asset, Estimate, Job, JobPage
from impasto.client.polling import JobPoller
from impasto.client.transport import each_item, job_path, parse_model
from impasto.client.uploads import (
    form_fields,
    form_files,
    open_files,
    style_images,
    with_weights,
    without_empty,
)
from impasto.errors import InvalidState, WaitTimeout

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence

    import httpx2

    from impasto.client.models import Event
    from impasto.client.params import (
        Changes,
        ExploreParams,
        JobChanges,
        JobFilters,
        JobOptions,
        Segment,
        StyleParams,
    )
    from impasto.client.uploads import Picture, Styles

_WAIT_POLL_SECONDS = 5  # between two polls without a display of progress
_PAGE_SIZE = 100


class JobCalls(DownloadCalls):
    """Calls about the jobs of one server.

    Args:
        transport: Transport that sends the requests.
    """

    @call
    async def submit(  # noqa: PLR0913 - a job has that many parts
        self,
        content: Picture,
        styles: Styles,
        *,
        params: StyleParams | None = None,
        name: str | None = None,
        tags: Sequence[str] = (),
        metadata: Mapping[str, str] | None = None,
        init_image: Picture | None = None,
        content_labels: Picture | None = None,
        options: JobOptions | None = None,
        segments: Sequence[Segment] = (),
    ) -> Job:
        """Upload the pictures and queue a job; a retry does not queue it twice.

        Args:
            content: Photo: a path, bytes, or a file that is open for reading.
            styles: One to eight style images; `StyleImage` adds masks or weights.
            params: Fields of StyleParams; the server has a default for each.
            name: Name of the job, for people.
            tags: Tags to find the job by.
            metadata: Your own texts, returned with the job.
            init_image: Picture to start from, with params `{"init": "image"}`.
            content_labels: Label map of the photo, with labels of style images.
            options: Job options: priority, max_attempts, keep_every, start_deadline,
                cancel_after, reuse.
            segments: Changes planned for the run, in order, such as
                `{"from_iteration": 120, "changes": {"style_weight": 20}}`.
        """
        pictures = style_images(styles)
        about = {"name": name, "tags": list(tags), "metadata": metadata}
        fields = form_fields(
            with_weights(params, pictures),
            {**about, **(options or {}), "segments": list(segments)},
        )
        files = form_files(content, pictures, init_image, content_labels)
        return self._parse(await self._upload("/v1/jobs", fields, files))

    @call
    async def estimate(  # noqa: PLR0913 - as for submit
        self,
        content: Picture,
        styles: Styles,
        *,
        params: StyleParams | None = None,
        init_image: Picture | None = None,
        content_labels: Picture | None = None,
        options: JobOptions | None = None,
        segments: Sequence[Segment] = (),
    ) -> Estimate:
        """Estimate the duration and start of a job, without queuing it.

        Args:
            content: Photo, as for `submit`.
            styles: One to eight style images, as for `submit`.
            params: Fields of StyleParams, as for `submit`.
            init_image: Picture to start from, as for `submit`.
            content_labels: Label map of the photo, as for `submit`.
            options: Job options, as for `submit`; only the priority is used.
            segments: Changes planned for the run, as for `submit`.
        """
        pictures = style_images(styles)
        fields = form_fields(
            with_weights(params, pictures),
            {**(options or {}), "segments": list(segments)},
        )
        files = form_files(content, pictures, init_image, content_labels)
        return parse_model(Estimate, await self._upload("/v1/estimates", fields, files))

    @call
    async def submit_stored(self, body: Mapping[str, object]) -> Job:
        """Queue a job of stored assets; a retry does not queue it twice.

        Args:
            body: JSON body: `params` with asset ids, and the job options.
        """
        return self._parse(await self._transport.post_idempotent("/v1/jobs", json=body))

    @call
    async def explore(
        self,
        pictures: Sequence[Picture] = (),
        *,
        params: ExploreParams | None = None,
        name: str | None = None,
        tags: Sequence[str] = (),
        metadata: Mapping[str, str] | None = None,
        options: JobOptions | None = None,
    ) -> Job:
        """Queue an exploration of a network's layers; a retry does not queue it twice.

        Args:
            pictures: At least nine distinct pictures, or none for the shipped photos.
            params: Fields of ExploreParams; the server has a default for each.
            name: Name of the job, for people.
            tags: Tags to find the job by.
            metadata: Your own texts, returned with the job.
            options: Job options, as for `submit`, without `keep_every`.
        """
        about = {"name": name, "tags": list(tags), "metadata": metadata}
        given = {**about, **(options or {})}
        if not pictures:
            body = {**(params or {}), **without_empty(given)}
            return self._parse(
                await self._transport.post_idempotent("/v1/explorations", json=body)
            )
        files = [("picture", picture) for picture in pictures]
        fields = form_fields(params, given)
        return self._parse(await self._upload("/v1/explorations", fields, files))

    async def _upload(
        self, url: str, fields: Mapping[str, str], files: Sequence[tuple[str, Picture]]
    ) -> httpx2.Response:
        with open_files(files) as opened:
            return await self._transport.post_idempotent(url, data=fields, files=opened)

    @call
    async def get(self, job_id: str) -> Job:
        """Return the current job."""
        return self._parse(await self._transport.get(job_path(job_id)))

    @call
    async def manifest(self, job_id: str) -> dict[str, Any]:
        """Return the manifest of a job: everything needed to reproduce its picture."""
        return await self._read(job_id, "manifest")

    @call
    async def list(
        self,
        *,
        limit: int = 50,
        cursor: str | None = None,
        **filters: Unpack[JobFilters],
    ) -> JobPage:
        """Return a page of jobs, newest first.

        Args:
            limit: Maximum number of jobs.
            cursor: `next_cursor` of the previous page.
            **filters: state, kind, tag, parent_id, q (words of the name),
                created_after, created_before; a list means several.
        """
        query = {"limit": limit, "cursor": cursor, **filters}
        page = parse_model(JobPage, await self._transport.get("/v1/jobs", query=query))
        return replace(page, data=[self._with_reader(job) for job in page.data])

    @stream
    async def iterate(self, **filters: Unpack[JobFilters]) -> AsyncGenerator[Job, None]:
        """Yield all jobs, newest first, reading page after page; filters as in list."""
        read_page = partial(JobCalls.list, self, limit=_PAGE_SIZE, **filters)
        async for job in each_item(read_page):
            yield job

    @call
    async def delete(self, job_id: str, *, cancel: bool = False) -> bool:
        """Delete a job with all of its files.

        Args:
            job_id: Full id of the job.
            cancel: True to cancel a job that has not ended first. The job is then
                deleted after its worker has released it, which takes some seconds.

        Returns:
            True if the job was deleted; False while its worker holds it.
        """
        if cancel:
            path = job_path(job_id, "cancel")
            try:
                answer = await self._transport.post(path, json={"purge": True})
            except InvalidState:
                pass  # the job has ended
            else:
                return answer.status_code == HTTPStatus.NO_CONTENT
        await self._transport.delete(job_path(job_id))
        return True

    @call
    async def logs(self, job_id: str, *, since: int = 0) -> Sequence[Mapping[str, Any]]:
        """Return the log of a job: an object for each event after number `since`."""
        log = await self._read(job_id, "logs", since=since)
        rows: Sequence[Mapping[str, Any]] = log["data"]
        return rows

    @stream
    async def events(
        self, job_id: str, *, after: int | None = None
    ) -> AsyncGenerator[Event, None]:
        """Yield new events of a job, until it has ended.

        Args:
            job_id: Full id of the job.
            after: Number of the last event that you received, or None to begin with a
                snapshot of the job.
        """
        path = job_path(job_id, "events")
        async for event in read_events(self._transport, path, {}, after):
            yield event

    @call
    async def frames(self, job_id: str) -> Sequence[Mapping[str, Any]]:
        """Return the stored previews of a job, in order of iteration."""
        frames: Sequence[Mapping[str, Any]]
        frames = (await self._read(job_id, "frames"))["data"]
        return frames

    @call
    async def promote(self, job_id: str, iteration: int) -> Job | Asset:
        """Render an iteration in full size, or store its preview as an asset.

        Returns:
            New job that renders the checkpoint of the iteration; without a checkpoint,
            its preview as an asset.
        """
        path = job_path(job_id, "frames", str(int(iteration)), "promote")
        response = await self._transport.post_idempotent(path)
        if response.status_code == HTTPStatus.ACCEPTED:
            return self._parse(response)
        return parse_model(Asset, response)

    @call
    async def metrics(self, job_id: str) -> Mapping[str, Any]:
        """Return the losses of a job by iteration."""
        return await self._read(job_id, "metrics")

    @call
    async def tree(self, job_id: str) -> Mapping[str, Any]:
        """Return the lineage of a job: its ancestors and descendants."""
        return await self._read(job_id, "tree")

    async def _read(self, job_id: str, what: str, **query: int) -> dict[str, Any]:
        return await self._transport.get_json(job_path(job_id, what), query=query)

    @call
    async def cancel(self, job_id: str) -> Job:
        """Request the cancellation of a job; may be repeated."""
        return await self._request_action(job_id, "cancel")

    @call
    async def pause(self, job_id: str) -> Job:
        """Request that a job pauses: it frees its device and keeps its progress."""
        return await self._request_action(job_id, "pause")

    @call
    async def resume(self, job_id: str) -> Job:
        """Queue a paused job again."""
        return await self._request_action(job_id, "resume")

    @call
    async def finish(self, job_id: str) -> Job:
        """Request that a job finishes now, with its current picture."""
        return await self._request_action(job_id, "finish")

    @call
    async def change(
        self, job_id: str, changes: JobChanges, revision: int | None = None
    ) -> Job:
        """Change weights, iterations, name, tags, metadata, priority or cancel_after.

        Args:
            job_id: Full id of the job.
            changes: New values; None removes a value.
            revision: Revision of the job that was read; required for weights and
                iterations.
        """
        headers = {} if revision is None else {"If-Match": f'"{revision}"'}
        return self._parse(
            await self._transport.patch(job_path(job_id), headers=headers, json=changes)
        )

    @call
    async def extend(self, job_id: str, iterations: int) -> Job:
        """Queue a new job with more iterations; a retry does not queue it twice."""
        body = {"iterations": iterations}
        return self._parse(
            await self._transport.post_idempotent(job_path(job_id, "extend"), json=body)
        )

    @call
    async def fork(
        self,
        job_id: str,
        iteration: int,
        params: Changes | None = None,
        name: str | None = None,
    ) -> Job:
        """Queue a new job from a checkpoint; a retry does not queue it twice."""
        body = {"from": {"iteration": iteration}, "params": params or {}, "name": name}
        return self._parse(
            await self._transport.post_idempotent(job_path(job_id, "fork"), json=body)
        )

    @call
    async def retry(self, job_id: str, *, from_start: bool = False) -> Job:
        """Queue a new job that repeats an ended one; a retry queues it only once."""
        body = {"from": "start" if from_start else "checkpoint"}
        return self._parse(
            await self._transport.post_idempotent(job_path(job_id, "retry"), json=body)
        )

    async def _request_action(self, job_id: str, action: str) -> Job:
        path = job_path(job_id, action)
        return self._parse(await self._transport.post(path, retries=2))

    @stream
    async def watch(
        self, job_id: str, *, longest_pause_seconds: int = 1
    ) -> AsyncGenerator[Job, None]:
        """Yield the job now and after each change, until it has ended.

        Args:
            job_id: Full id of the job.
            longest_pause_seconds: Maximum seconds between two polls. With long polls, a
                new state is yielded at once.
        """
        poller = JobPoller(self._transport, job_id, self._parse, longest_pause_seconds)
        job: Job | None = None
        while job is None or not job.is_over:
            previous, job = job, await poller.read()
            if job is not previous:
                yield job

    @call
    async def wait(self, job_id: str, *, timeout_seconds: float = math.inf) -> Job:
        """Return the job after its end, in any final state.

        Raises:
            WaitTimeout: The job has not ended yet; it continues.
        """
        clock = self._transport.clock
        deadline = clock() + timeout_seconds
        poller = JobPoller(
            self._transport, job_id, self._parse, _WAIT_POLL_SECONDS, deadline
        )
        while not (job := await poller.read()).is_over:
            if clock() >= deadline:
                raise WaitTimeout(job, timeout_seconds)
        return job

    def _parse(self, response: httpx2.Response) -> Job:
        return self._with_reader(parse_model(Job, response))

    def _with_reader(self, job: Job) -> Job:
        return replace(job, read_picture=self._transport.read_picture)


class Jobs(JobCalls, Blocking):
    """Jobs of one server, for blocking code."""


class AsyncJobs(JobCalls, Awaited):
    """Jobs of one server, for asyncio."""
