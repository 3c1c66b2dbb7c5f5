"""Jobs over HTTP: submit, read, watch, act on, download."""

from __future__ import annotations

import json
import shutil
import tempfile
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

from impasto.client.downloads import (
    atomic_write,
    make_folder,
    require_writable,
    safe_file_name,
    save_error,
)
from impasto.client.models import ApiModel, Estimate, Job, JobPage
from impasto.client.polling import JobPoller
from impasto.client.transport import job_path
from impasto.client.uploads import form_fields, form_files, open_files
from impasto.errors import InvalidState, ServerUnreachable, WaitTimeout

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import httpx2

    from impasto.client.transport import Transport
    from impasto.client.uploads import Picture, StyleImage

ModelT = TypeVar("ModelT", bound=ApiModel)

_WAIT_POLL_SECONDS = 5  # between two polls where no progress is shown
_PAGE_SIZE = 100


class Jobs:
    """The jobs of one server.

    Args:
        transport: Transport that sends the requests.
        clock: Monotonic clock, in seconds.
    """

    def __init__(self, transport: Transport, clock: Callable[[], float]) -> None:
        self._transport = transport
        self._clock = clock

    def submit(  # noqa: PLR0913 - a job has that many parts
        self,
        content: Picture,
        styles: Sequence[Picture | StyleImage],
        *,
        params: Mapping[str, object] | None = None,
        name: str | None = None,
        tags: Sequence[str] = (),
        metadata: Mapping[str, str] | None = None,
        init_image: Picture | None = None,
        content_labels: Picture | None = None,
        options: Mapping[str, str] | None = None,
        segments: Sequence[Mapping[str, object]] = (),
    ) -> Job:
        """Upload the pictures and queue a job; retries never queue it twice.

        Args:
            content: The photo: a path, bytes, or a file that is open for reading.
            styles: One to eight style images; as `StyleImage` with masks.
            params: Fields of StyleParams; the server has a default for each.
            name: Name of the job, for people.
            tags: Words to find the job by.
            metadata: Values of your own, returned with the job.
            init_image: Picture to start from, with params `{"init": "image"}`.
            content_labels: Label map of the photo, with labels of style images.
            options: Job options: priority, max_attempts, keep_every, start_deadline,
                cancel_after, reuse.
            segments: Changes planned for mid-run, in their order, such as
                `{"from_iteration": 120, "changes": {"style_weight": 20}}`.
        """
        about = {"name": name, "tags": list(tags), "metadata": metadata}
        fields = form_fields(params, {**about, **(options or {})}, segments)
        files = form_files(content, styles, init_image, content_labels)
        return _parse_job(self._upload("/v1/jobs", fields, files))

    def estimate(  # noqa: PLR0913 - as for submit
        self,
        content: Picture,
        styles: Sequence[Picture | StyleImage],
        *,
        params: Mapping[str, object] | None = None,
        init_image: Picture | None = None,
        content_labels: Picture | None = None,
        options: Mapping[str, str] | None = None,
        segments: Sequence[Mapping[str, object]] = (),
    ) -> Estimate:
        """Estimate how long such a job would take; nothing is queued.

        Args:
            content: The photo, as for `submit`.
            styles: One to eight style images; as `StyleImage` with masks.
            params: Fields of StyleParams, as for `submit`.
            init_image: Picture to start from, as for `submit`.
            content_labels: Label map of the photo, as for `submit`.
            options: Job options, as for `submit`; of them, the priority counts.
            segments: Changes planned for mid-run, as for `submit`.
        """
        fields = form_fields(params, options or {}, segments)
        files = form_files(content, styles, init_image, content_labels)
        return _parse(Estimate, self._upload("/v1/estimates", fields, files))

    def submit_stored(self, body: Mapping[str, object]) -> Job:
        """Queue a job of assets that the server has; the request is not retried.

        Args:
            body: JSON body: `params` with asset ids, and the job options beside it.
        """
        return _parse_job(self._transport.post("/v1/jobs", json=body))

    def explore(
        self,
        pictures: Sequence[Picture] = (),
        *,
        params: Mapping[str, object] | None = None,
        name: str | None = None,
        reuse: str | None = None,
    ) -> Job:
        """Queue an exploration of a network's layers; retries never queue it twice.

        Args:
            pictures: At least nine distinct pictures, or none for those that the
                server ships.
            params: Fields of ExploreParams; the server has a default for each.
            name: Name of the job, for people.
            reuse: Which equal job to take instead: finished, finished_or_active.
        """
        options = {"name": name, "reuse": reuse}
        given = {field: text for field, text in options.items() if text}
        if not pictures:
            body = {**(params or {}), **given}
            return _parse_job(
                self._transport.post_idempotent("/v1/explorations", json=body)
            )
        fields = {"params": json.dumps(params or {})} | given
        files = [("picture", picture) for picture in pictures]
        return _parse_job(self._upload("/v1/explorations", fields, files))

    def _upload(
        self, url: str, fields: Mapping[str, str], files: Sequence[tuple[str, Picture]]
    ) -> httpx2.Response:
        with open_files(files) as opened_files:
            return self._transport.post_idempotent(url, data=fields, files=opened_files)

    def get(self, job_id: str) -> Job:
        """Return the job as it is now."""
        return _parse_job(self._transport.get(job_path(job_id)))

    def manifest(self, job_id: str) -> dict[str, Any]:
        """Return the manifest of a job: all that is needed to reproduce its picture."""
        return self._read(job_id, "manifest")

    def list(
        self, *, limit: int = 50, cursor: str | None = None, **filters: object
    ) -> JobPage:
        """Return a page of jobs, newest first.

        Args:
            limit: Maximum jobs of the page.
            cursor: `next_cursor` of the page before.
            **filters: state, kind, tag, parent_id, q (words of the name),
                created_after, created_before; a list means several.
        """
        given = {"limit": limit, "cursor": cursor, **filters}
        query = {name: value for name, value in given.items() if value is not None}
        return _parse(JobPage, self._transport.get("/v1/jobs", query=query))

    def iterate(self, **filters: object) -> Iterator[Job]:
        """Yield all jobs, newest first, reading page after page; filters as in list."""
        cursor: str | None = None
        while True:
            page = self.list(limit=_PAGE_SIZE, cursor=cursor, **filters)
            yield from page.data
            cursor = page.next_cursor
            if not cursor:
                return

    def delete(self, job_id: str, *, cancel: bool = False) -> bool:
        """Delete a job with all of its files.

        Args:
            job_id: Full id of the job.
            cancel: Whether to cancel it first if it has not ended. It is then deleted
                once its worker has released it, which takes some seconds.

        Returns:
            Whether it is gone; False while its worker has yet to release it.
        """
        if cancel:
            path = job_path(job_id, "cancel")
            try:
                answer = self._transport.post(path, json={"purge": True})
            except InvalidState:
                pass  # it has ended
            else:
                return answer.status_code == HTTPStatus.NO_CONTENT
        self._transport.delete(job_path(job_id))
        return True

    def logs(self, job_id: str, *, since: int = 0) -> Sequence[Mapping[str, Any]]:
        """Return the log of a job: an object for each event after number `since`."""
        rows: Sequence[Mapping[str, Any]] = self._read(job_id, "logs", since=since)[
            "data"
        ]
        return rows

    def frames(self, job_id: str) -> Sequence[Mapping[str, Any]]:
        """Return the stored previews of a job, in order of iteration."""
        frames: Sequence[Mapping[str, Any]] = self._read(job_id, "frames")["data"]
        return frames

    def metrics(self, job_id: str) -> Mapping[str, Any]:
        """Return the losses of a job by iteration."""
        return self._read(job_id, "metrics")

    def tree(self, job_id: str) -> Mapping[str, Any]:
        """Return the lineage of a job: its ancestors and descendants."""
        return self._read(job_id, "tree")

    def _read(self, job_id: str, what: str, **query: int) -> dict[str, Any]:
        return self._transport.get_json(job_path(job_id, what), query=query)

    def cancel(self, job_id: str) -> Job:
        """Request that a job stops for good; safe to repeat."""
        return self._request_action(job_id, "cancel")

    def pause(self, job_id: str) -> Job:
        """Request that a job frees its device, and keeps its progress."""
        return self._request_action(job_id, "pause")

    def resume(self, job_id: str) -> Job:
        """Queue a paused job again."""
        return self._request_action(job_id, "resume")

    def finish(self, job_id: str) -> Job:
        """Request that a job stops now, and keeps its picture as it is."""
        return self._request_action(job_id, "finish")

    def change(
        self, job_id: str, changes: Mapping[str, object], revision: int | None = None
    ) -> Job:
        """Change weights, iterations, name, priority or cancel_after.

        Args:
            job_id: Full id of the job.
            changes: JSON merge patch.
            revision: Revision that was read; needed for weights and iterations.
        """
        headers = {} if revision is None else {"If-Match": f'"{revision}"'}
        return _parse_job(
            self._transport.patch(job_path(job_id), headers=headers, json=changes)
        )

    def extend(self, job_id: str, iterations: int) -> Job:
        """Queue a new job with more iterations; retries never queue it twice."""
        body = {"iterations": iterations}
        return _parse_job(
            self._transport.post_idempotent(job_path(job_id, "extend"), json=body)
        )

    def fork(
        self,
        job_id: str,
        iteration: int,
        params: Mapping[str, object] | None = None,
        name: str | None = None,
    ) -> Job:
        """Queue a new job from a checkpoint; retries never queue it twice."""
        body = {"from": {"iteration": iteration}, "params": params or {}, "name": name}
        return _parse_job(
            self._transport.post_idempotent(job_path(job_id, "fork"), json=body)
        )

    def retry(self, job_id: str, *, from_start: bool = False) -> Job:
        """Queue a new job that repeats an ended one; retries never queue it twice."""
        body = {"from": "start" if from_start else "checkpoint"}
        return _parse_job(
            self._transport.post_idempotent(job_path(job_id, "retry"), json=body)
        )

    def _request_action(self, job_id: str, action: str) -> Job:
        path = job_path(job_id, action)
        return _parse_job(self._transport.post(path, retries=2))

    def watch(self, job_id: str, *, longest_pause_seconds: int = 1) -> Iterator[Job]:
        """Yield the job now and after each change, until it is over.

        Args:
            job_id: Full id of the job.
            longest_pause_seconds: Longest time between two polls; a new state is seen
                at once where the server supports long polls.
        """
        previous: Job | None = None
        for job in self._poller(job_id, longest_pause_seconds).poll_until_over():
            if job is not previous:
                yield job
            previous = job

    def wait(self, job_id: str, *, timeout_seconds: float | None = None) -> Job:
        """Return the job once it is over, however it ended.

        Raises:
            WaitTimeout: The job is not over yet; it goes on.
        """
        deadline = None if timeout_seconds is None else self._clock() + timeout_seconds
        poller = self._poller(job_id, _WAIT_POLL_SECONDS, deadline)
        for job in poller.poll_until_over():
            if job.is_over:
                return job
            if timeout_seconds is not None and self._clock() >= (deadline or 0.0):
                raise WaitTimeout(job, timeout_seconds)
        raise RuntimeError("polling ended before the job")  # it cannot

    def _poller(
        self, job_id: str, interval_seconds: int, deadline: float | None = None
    ) -> JobPoller:
        return JobPoller(
            self._transport, job_id, _parse_job, interval_seconds, self._clock, deadline
        )

    def download(
        self,
        job_id: str,
        path: str | os.PathLike[str],
        *,
        format_name: str | None = None,
    ) -> Path:
        """Save the finished picture; `path` never holds half of one.

        Args:
            job_id: Full id of the job.
            path: Path to save it as.
            format_name: png, jpeg, tiff or webp; default: the format of the job.

        Raises:
            CannotSave: The file system refuses it.
        """
        return self._save(_result_url(job_id, format_name), Path(path))

    def write_result(
        self, job_id: str, target: BinaryIO, *, format_name: str | None = None
    ) -> None:
        """Write the finished picture to an open file, which may be a pipe."""
        self._write(_result_url(job_id, format_name), target)

    def write_frame(
        self, job_id: str, target: BinaryIO, iteration: int | None = None
    ) -> None:
        """Write a preview to an open file, as `download_frame` saves it."""
        self._write(_frame_url(job_id, iteration), target)

    def _write(self, url: str, target: BinaryIO) -> None:
        with tempfile.TemporaryFile() as whole:  # a pipe cannot be written twice
            self._transport.download(url, whole)
            whole.seek(0)
            shutil.copyfileobj(whole, target)
            target.flush()

    def download_outputs(self, job: Job, folder: Path) -> Sequence[Path]:
        """Save all files of a job into a folder, which is created if it is missing.

        Raises:
            CannotSave: The file system refuses it.
        """
        make_folder(folder)
        return [
            self._save(output.url, folder / safe_file_name(output.name or output.url))
            for output in job.outputs
        ]

    def download_frame(
        self, job_id: str, path: Path, iteration: int | None = None
    ) -> Path:
        """Save the preview (JPEG) of an iteration, or the latest one."""
        return self._save(_frame_url(job_id, iteration), path)

    def download_frames(self, job_id: str, folder: Path) -> Sequence[Path]:
        """Save all previews of a job into a folder, named by their iteration."""
        make_folder(folder)
        iterations = [int(frame["iteration"]) for frame in self.frames(job_id)]
        return [
            self.download_frame(job_id, folder / f"{iteration:06}.jpg", iteration)
            for iteration in iterations
        ]

    def _save(self, url: str, path: Path) -> Path:
        require_writable(path)
        try:
            with atomic_write(path) as target:
                self._transport.download(url, target)
        except OSError as error:
            raise save_error(path, error.strerror or str(error)) from error
        return path


def _frame_url(job_id: str, iteration: int | None) -> str:
    return job_path(job_id, "frames", "latest" if iteration is None else str(iteration))


def _result_url(job_id: str, format_name: str | None) -> str:
    query = f"?format={format_name}" if format_name else ""
    return job_path(job_id, "result") + query


def _parse_job(response: httpx2.Response) -> Job:
    return _parse(Job, response)


def _parse(model: type[ModelT], response: httpx2.Response) -> ModelT:
    try:
        return model.from_json(response.json())
    except ValueError as error:
        raise ServerUnreachable(
            f"{response.url} does not answer as Impasto does: {error}"
        ) from error
