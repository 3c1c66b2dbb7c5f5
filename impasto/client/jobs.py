"""Jobs over HTTP: submit, look, wait, ask of them, download."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeVar

from impasto.client.downloads import (
    cannot_save,
    file_name,
    make_folder,
    require_place,
    whole,
)
from impasto.client.models import Answer, Estimate, Job, JobPage
from impasto.client.outcomes import WaitTimeout
from impasto.client.polling import Looks
from impasto.client.uploads import form_fields, form_pictures, opened
from impasto.errors import ServerUnreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    import httpx

    from impasto.client.transport import Wire
    from impasto.client.uploads import Painting

A = TypeVar("A", bound=Answer)

_WAITING_SECONDS = 5  # between two looks of who shows nothing


class Jobs:
    """The jobs of one server.

    Args:
        wire: How to reach it.
        clock: Seconds that only grow.
    """

    def __init__(self, wire: Wire, clock: Callable[[], float]) -> None:
        self._wire = wire
        self._clock = clock

    def submit(  # noqa: PLR0913 - a job has that many parts
        self,
        content: Path,
        styles: Sequence[Path | Painting],
        *,
        params: Mapping[str, object] | None = None,
        name: str | None = None,
        init_image: Path | None = None,
        options: Mapping[str, str] | None = None,
        segments: Sequence[Mapping[str, object]] = (),
    ) -> Job:
        """Upload the pictures and queue a job, once, however often it is sent.

        Args:
            content: The photo.
            styles: One to eight paintings; as `Painting` with masks.
            params: Fields of StyleParams; the server has a default for each.
            name: For people.
            init_image: What to start from, with params `{"init": "image"}`.
            options: priority, max_attempts, keep_every, start_deadline, cancel_after,
                reuse.
            segments: Changes planned for mid-run, in their order, such as
                `{"from_iteration": 120, "changes": {"style_weight": 20}}`.
        """
        fields = form_fields(params, name, options, segments)
        pictures = form_pictures(content, styles, init_image)
        return _job(self._upload("/v1/jobs", fields, pictures))

    def estimate(
        self,
        content: Path,
        styles: Sequence[Path | Painting],
        *,
        params: Mapping[str, object] | None = None,
        init_image: Path | None = None,
        options: Mapping[str, str] | None = None,
        segments: Sequence[Mapping[str, object]] = (),
    ) -> Estimate:
        """Ask what such a job would take; nothing is queued.

        Args:
            content: The photo.
            styles: One to eight paintings; as `Painting` with masks.
            params: As of `submit`.
            init_image: As of `submit`.
            options: As of `submit`; of them, the priority counts.
            segments: As of `submit`.
        """
        fields = form_fields(params, None, options, segments)
        pictures = form_pictures(content, styles, init_image)
        return _read(Estimate, self._upload("/v1/estimates", fields, pictures))

    def submit_stored(self, body: Mapping[str, object]) -> Job:
        """Queue a job of pictures sent before; never sent twice.

        Args:
            body: `params`, as of a job, with asset ids; and options beside it.
        """
        return _job(self._wire.post("/v1/jobs", json=body))

    def explore(
        self,
        pictures: Sequence[Path] = (),
        *,
        params: Mapping[str, object] | None = None,
        name: str | None = None,
        reuse: str | None = None,
    ) -> Job:
        """Queue a look at the layers of a network, once.

        Args:
            pictures: At least nine distinct ones; with none, those that the server
                ships.
            params: Fields of ExploreParams; the server has a default for each.
            name: For people.
            reuse: Take an equal one instead: finished, finished_or_active.
        """
        said = {"name": name, "reuse": reuse}
        named = {field: text for field, text in said.items() if text}
        if not pictures:
            body = {**(params or {}), **named}
            return _job(self._wire.make("/v1/explorations", json=body))
        fields = {"params": json.dumps(params or {})} | named
        sent = [("picture", picture) for picture in pictures]
        return _job(self._upload("/v1/explorations", fields, sent))

    def _upload(
        self, url: str, fields: Mapping[str, str], pictures: Sequence[tuple[str, Path]]
    ) -> httpx.Response:
        with opened(pictures) as files:
            return self._wire.make(url, data=fields, files=files)

    def get(self, job_id: str) -> Job:
        """Return the job as it is now."""
        return _job(self._wire.get(f"/v1/jobs/{job_id}"))

    def manifest(self, job_id: str) -> dict[str, Any]:
        """Return all that it takes to make the picture of a job again."""
        said: dict[str, Any] = self._wire.get(f"/v1/jobs/{job_id}/manifest").json()
        return said

    def list(
        self, *, limit: int = 50, cursor: str | None = None, state: str | None = None
    ) -> JobPage:
        """Return a page of jobs, newest first."""
        query: dict[str, str | int] = {"limit": limit}
        query |= {"cursor": cursor} if cursor else {}
        query |= {"state": state} if state else {}
        answer = self._wire.get("/v1/jobs", query=query)
        return _read(JobPage, answer)

    def cancel(self, job_id: str) -> Job:
        """Ask to stop; twice does as much as once."""
        return self._ask(job_id, "cancel")

    def pause(self, job_id: str) -> Job:
        """Ask to free the device, and to keep what is done."""
        return self._ask(job_id, "pause")

    def resume(self, job_id: str) -> Job:
        """Let a paused job go on."""
        return self._ask(job_id, "resume")

    def finish(self, job_id: str) -> Job:
        """Ask to stop now, and to keep the picture as it is."""
        return self._ask(job_id, "finish")

    def change(
        self, job_id: str, changes: Mapping[str, object], revision: int | None = None
    ) -> Job:
        """Change weights, iterations, name, priority or cancel_after.

        Args:
            job_id: A full id.
            changes: A merge patch.
            revision: Of the job as it was seen; needed for weights and iterations.
        """
        headers = {} if revision is None else {"If-Match": f'"{revision}"'}
        return _job(
            self._wire.patch(f"/v1/jobs/{job_id}", headers=headers, json=changes)
        )

    def extend(self, job_id: str, iterations: int) -> Job:
        """Make a new job with more iterations, once."""
        more = {"iterations": iterations}
        return _job(self._wire.make(f"/v1/jobs/{job_id}/extend", json=more))

    def fork(
        self,
        job_id: str,
        iteration: int,
        params: Mapping[str, object] | None = None,
        name: str | None = None,
    ) -> Job:
        """Make a new job from a checkpoint of another, once."""
        body = {"from": {"iteration": iteration}, "params": params or {}, "name": name}
        return _job(self._wire.make(f"/v1/jobs/{job_id}/fork", json=body))

    def retry(self, job_id: str, *, from_start: bool = False) -> Job:
        """Make a new job that tries again what is over, once."""
        body = {"from": "start" if from_start else "checkpoint"}
        return _job(self._wire.make(f"/v1/jobs/{job_id}/retry", json=body))

    def _ask(self, job_id: str, verb: str) -> Job:
        return _job(self._wire.post(f"/v1/jobs/{job_id}/{verb}", retries=2))

    def watch(self, job_id: str, *, longest_pause_seconds: int = 1) -> Iterator[Job]:
        """Yield the job now and after each change, until it is over.

        Args:
            job_id: A full id.
            longest_pause_seconds: Between two looks; a new state is seen at once where
                the server holds answers.
        """
        last: Job | None = None
        for job in self._looks(job_id, longest_pause_seconds).until_over():
            if job is not last:
                yield job
            last = job

    def wait(self, job_id: str, *, timeout_seconds: float | None = None) -> Job:
        """Return the job once it is over, however it ended.

        Raises:
            WaitTimeout: It is not over yet; it goes on without us.
        """
        started = self._clock()
        for job in self._looks(job_id, _WAITING_SECONDS).until_over():
            waited = self._clock() - started
            if job.is_over:
                return job
            if timeout_seconds is not None and waited >= timeout_seconds:
                raise WaitTimeout(job, timeout_seconds)
        raise RuntimeError("the looks ended before the job")  # they cannot

    def _looks(self, job_id: str, pause_seconds: int) -> Looks:
        return Looks(self._wire, job_id, _job, pause_seconds, self._clock)

    def download(self, job_id: str, path: Path) -> Path:
        """Save the finished picture; `path` never holds half of one.

        Raises:
            CannotSave: The file system says no.
        """
        return self._save(f"/v1/jobs/{job_id}/result", path)

    def download_outputs(self, job: Job, folder: Path) -> Sequence[Path]:
        """Save all files of a job into a folder, which is made if it is missing.

        Raises:
            CannotSave: The file system says no.
        """
        make_folder(folder)
        return [
            self._save(output.url, folder / file_name(output.name or output.url))
            for output in job.outputs
        ]

    def download_latest_frame(self, job_id: str, path: Path) -> Path:
        """Save a small picture (JPEG) of how far a job is."""
        return self._save(f"/v1/jobs/{job_id}/frames/latest", path)

    def _save(self, url: str, path: Path) -> Path:
        require_place(path)
        try:
            with whole(path) as target:
                self._wire.copy(url, target)
        except OSError as error:
            raise cannot_save(path, error.strerror or str(error)) from error
        return path


def _job(response: httpx.Response) -> Job:
    return _read(Job, response)


def _read(kind: type[A], response: httpx.Response) -> A:
    try:
        return kind.read(response.json())
    except ValueError as error:
        raise ServerUnreachable(
            f"{response.url} does not answer as Impasto does: {error}"
        ) from error
