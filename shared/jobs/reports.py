"""What the holder of a claim tells of its attempt, and is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shared.models import JobOutput
from shared.states import Completion

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.states import JobState


@dataclass(frozen=True, slots=True)
class Written:
    """A stored blob: where, its SHA-256 (hex) and its size."""

    key: str
    digest: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Output:
    """One file of a job that makes several, stored; `name` is for people."""

    name: str
    blob: Written
    media_type: str
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """What a job has made, stored, and whether any interruption left a trace.

    Attributes:
        blob: The generated image; of a job that makes several files, the first.
        outputs: All files of such a job.
        iterations: How many were done; None: all.
        completion: EARLY, if somebody asked for the picture before they were.
        progress: Of the last iteration, which no heartbeat may have told yet; None:
            as told.
        origin: Digests of pictures and weights (`inputs`), device, threads, versions
            (`maker`).
    """

    blob: Written
    width: int
    height: int
    exact: bool
    exact_reason: str | None = None
    outputs: tuple[Output, ...] = ()
    iterations: int | None = None
    completion: Completion = Completion.FULL
    progress: Mapping[str, Any] | None = None
    origin: dict[str, dict[str, str]] | None = None

    @property
    def keys(self) -> set[str]:
        """Of all blobs."""
        return {self.blob.key} | {output.blob.key for output in self.outputs}


@dataclass(frozen=True, slots=True)
class Told:
    """What the holder of a claim learns with its heartbeat.

    Attributes:
        state: Held; CANCELING and PAUSING are to be obeyed.
        finish_requested: The picture is wanted as it is.
        has_pending_segments: Changes of parameters wait for the next boundary.
    """

    state: JobState
    finish_requested: bool = False
    has_pending_segments: bool = False


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt failed, in words for the person who submitted it."""

    code: str
    message: str
    hint: str
    retryable: bool


def told(failure: Failure | None) -> dict[str, Any]:
    """Columns that tell people of a failure, or of none."""
    if failure is None:
        names = ("code", "message", "hint", "retryable")
        return {f"error_{name}": None for name in names}
    return {
        "error_code": failure.code,
        "error_message": failure.message[:2000],
        "error_hint": failure.hint[:500],
        "error_retryable": failure.retryable,
    }


def output_rows(job_id: str, outputs: tuple[Output, ...]) -> list[JobOutput]:
    """Make the rows of the files of a job that makes several."""
    return [
        JobOutput(
            job_id=job_id,
            position=position,
            name=output.name,
            key=output.blob.key,
            digest=output.blob.digest,
            bytes=output.blob.bytes,
            media_type=output.media_type,
            width=output.width,
            height=output.height,
        )
        for position, output in enumerate(outputs)
    ]
