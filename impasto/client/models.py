"""What the server says, read with tolerance: a newer server must not break a client.

Unknown fields are kept, unknown states are plain text, and a missing field is None.
Plain dataclasses: Pydantic would take each command 100 ms to load.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    Reader = Callable[[Any], object]

_TIMES = ("created_at", "started_at", "finished_at")
_ENDS = frozenset({"succeeded", "failed", "canceled", "expired"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What all answers have.

    Attributes:
        readers: What makes a field of its JSON, where that is more than plain values.
        said: The JSON object itself, with the fields that this version does not know.
    """

    readers: ClassVar[Mapping[str, Reader]] = {}
    said: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def read(cls, said: Mapping[str, Any]) -> Self:
        """Take what is known here from a JSON object.

        Raises:
            ValueError: A field that cannot be done without is missing or of a wrong
                kind.
        """
        try:
            known: dict[str, Any] = {
                each.name: cls.readers.get(each.name, _as_it_is)(said[each.name])
                for each in fields(cls)
                if said.get(each.name) is not None
            }
            return cls(**(known | {"said": said}))
        except (TypeError, AttributeError) as error:
            raise ValueError(f"not a {cls.__name__}: {error}") from error

    def as_json(self, indent: int | None = None) -> str:
        """Write all that the server said."""
        return json.dumps(self.said, indent=indent, ensure_ascii=False)


def _as_it_is(value: object) -> object:
    return value


def _each(reader: Reader) -> Reader:
    """Return what reads a list, item by item."""

    def read_all(values: Iterable[Any]) -> list[object]:
        return [reader(value) for value in values]

    return read_all


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale(Answer):
    """The size the optimization is at: the `index`th of `count`, from 0."""

    index: int = 0
    count: int = 1
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress(Answer):
    """How far a running job is."""

    readers: ClassVar[Mapping[str, Reader]] = {"scale": Scale.read}

    fraction: float = 0.0
    phase: str | None = None
    scale: Scale | None = None
    iteration: int | None = None
    iterations: int | None = None
    it_per_s: float | None = None
    elapsed_s: float | None = None
    eta_s: float | None = None
    eta_low_s: float | None = None
    eta_high_s: float | None = None
    losses: dict[str, float | None] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue(Answer):
    """Where a queued job stands, and why it waits."""

    position: int | None = None
    ahead: int | None = None
    starts_in_s: float | None = None
    confidence: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Output(Answer):
    """One finished picture, or another file that a job has made."""

    url: str
    name: str | None = None
    media_type: str | None = None
    width: int | None = None
    height: int | None = None
    bytes: int | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobError(Answer):
    """Why a job failed."""

    code: str = "unknown"
    message: str = ""
    hint: str | None = None
    retryable: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Parent(Answer):
    """The job that another one goes on from: a fork, an extension, a retry."""

    job_id: str
    iteration: int | None = None
    relation: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker(Answer):
    """Who has the job."""

    id: str | None = None
    device: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Job(Answer):
    """One job, as the server last told it."""

    readers: ClassVar[Mapping[str, Reader]] = {
        **dict.fromkeys(_TIMES, datetime.fromisoformat),
        "queue": Queue.read,
        "progress": Progress.read,
        "outputs": _each(Output.read),
        "error": JobError.read,
        "worker": Worker.read,
        "parent": Parent.read,
    }

    id: str
    state: str
    kind: str = "style"
    state_reason: str | None = None
    revision: int | None = None
    name: str | None = None
    created_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    attempts: int | None = None
    max_attempts: int | None = None
    priority: str | None = None
    parent: Parent | None = None
    params: dict[str, Any] = field(default_factory=dict)
    segments: list[dict[str, Any]] = field(default_factory=list)
    current: dict[str, Any] | None = None
    checkpoints: list[dict[str, Any]] = field(default_factory=list)
    allowed_actions: list[str] = field(default_factory=list)
    finish_requested: bool = False
    completion: str | None = None
    queue: Queue | None = None
    progress: Progress | None = None
    outputs: list[Output] = field(default_factory=list)
    exact: bool | None = None
    exact_reason: str | None = None
    error: JobError | None = None
    worker: Worker | None = None
    warnings: list[Any] = field(default_factory=list)
    urls: dict[str, str | None] = field(default_factory=dict)

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen to it, also in a state yet unheard of."""
        return self.state in _ENDS or self.finished_at is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset(Answer):
    """An uploaded picture."""

    id: str
    sha256: str
    bytes: int | None = None
    media_type: str | None = None
    width: int | None = None
    height: int | None = None
    urls: dict[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPage(Answer):
    """Some jobs, newest first, and the cursor of those after them."""

    readers: ClassVar[Mapping[str, Reader]] = {"data": _each(Job.read)}

    data: list[Job] = field(default_factory=list)
    next_cursor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerEstimate(Answer):
    """What a job would take on one kind of live workers."""

    device: str = ""
    setup: str = ""
    count: int = 1
    fits: bool = True
    peak_mb: int | None = None
    seconds: float | None = None
    low_s: float | None = None
    high_s: float | None = None
    confidence: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EqualJob(Answer):
    """A job that did, or does, the same work."""

    id: str
    state: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate(Answer):
    """What a job would take, and when it would run."""

    readers: ClassVar[Mapping[str, Reader]] = {
        "workers": _each(WorkerEstimate.read),
        "queue": Queue.read,
        "equal_job": EqualJob.read,
    }

    width: int | None = None
    height: int | None = None
    iterations: int | None = None
    need_mb: int | None = None
    fits: bool = True
    largest_max_edge: int | None = None
    workers: list[WorkerEstimate] = field(default_factory=list)
    queue: Queue | None = None
    equal_job: EqualJob | None = None
