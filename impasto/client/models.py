"""Models of the API's JSON objects, parsed with tolerance for newer servers.

Unknown fields are kept, unknown states are plain text, and a missing field is None. The
models are plain dataclasses, since Pydantic takes 100 ms to load.
"""

from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self, TypeVar

from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    Parser = Callable[[Any], object]

T_co = TypeVar("T_co", covariant=True)

_TIMESTAMPS = (
    *("created_at", "queued_at", "started_at", "finished_at", "expires_at"),
    *("start_deadline", "cancel_after", "last_used_at"),
)
_TIMES: Mapping[str, Parser] = dict.fromkeys(_TIMESTAMPS, datetime.fromisoformat)
_NOTEBOOK_EDGE_PX = 768
_TERMINAL_STATES = frozenset({"succeeded", "failed", "canceled", "expired"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiModel:
    """Base of all models.

    Attributes:
        parsers: Functions that parse the JSON of fields that are not plain values.
        raw: JSON object, with fields that are unknown to this version.
    """

    parsers: ClassVar[Mapping[str, Parser]] = {}
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Parse the known fields of a JSON object.

        Raises:
            ValueError: A required field is missing, or a field has a wrong type.
        """
        try:
            values: dict[str, Any] = {
                field.name: cls.parsers.get(field.name, _unchanged)(raw[field.name])
                for field in fields(cls)
                if raw.get(field.name) is not None
            }
            return cls(**(values | {"raw": raw}))
        except (TypeError, AttributeError) as error:
            raise ValueError(f"not a {cls.__name__}: {error}") from error

    def as_json(self, indent: int | None = None) -> str:
        """Return the JSON object from the server, with unknown fields."""
        return json.dumps(self.raw, indent=indent, ensure_ascii=False)


def _unchanged(value: object) -> object:
    return value


def _list_parser(parser: Parser) -> Parser:
    """Return a parser of lists whose items `parser` parses."""

    def parse_list(values: Iterable[Any]) -> list[object]:
        return [parser(value) for value in values]

    return parse_list


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale(ApiModel):
    """Current scale of a running job: the `index`th of `count`, from 0."""

    index: int = 0
    count: int = 1
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress(ApiModel):
    """Progress of a running job."""

    parsers: ClassVar[Mapping[str, Parser]] = {"scale": Scale.from_json}

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
class Queue(ApiModel):
    """Place of a queued job in the queue, and why it waits."""

    position: int | None = None
    ahead: int | None = None
    starts_in_s: float | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Output(ApiModel):
    """Result of a job, or another file that it has produced."""

    url: str
    name: str | None = None
    media_type: str | None = None
    width: int | None = None
    height: int | None = None
    bytes: int | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobError(ApiModel):
    """Error of a failed job."""

    code: str = "unknown"
    message: str = ""
    hint: str | None = None
    retryable: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Parent(ApiModel):
    """Job that a fork, an extension or a retry continues."""

    job_id: str
    iteration: int | None = None
    relation: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker(ApiModel):
    """Worker that runs the job."""

    id: str | None = None
    device: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Job(ApiModel):
    """Job from the last response of the server; notebooks show its picture.

    Attributes:
        read_picture: Function that reads a JPEG of the server, by its path.
    """

    parsers: ClassVar[Mapping[str, Parser]] = {
        **_TIMES,
        "queue": Queue.from_json,
        "progress": Progress.from_json,
        "outputs": _list_parser(Output.from_json),
        "error": JobError.from_json,
        "worker": Worker.from_json,
        "parent": Parent.from_json,
    }

    id: str
    state: str
    kind: str = "style"
    state_reason: str | None = None
    revision: int | None = None
    version: int | None = None
    name: str | None = None
    tags: list[str] = field(default_factory=list)
    metadata: dict[str, str] = field(default_factory=dict)
    owner: str | None = None
    trace_id: str | None = None
    created_at: datetime | None = None
    queued_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    start_deadline: datetime | None = None
    cancel_after: datetime | None = None
    attempts: int | None = None
    max_attempts: int | None = None
    fence: int | None = None
    priority: str | None = None
    parent: Parent | None = None
    params: dict[str, Any] = field(default_factory=dict)
    segments: list[dict[str, Any]] = field(default_factory=list)
    current: dict[str, Any] | None = None
    keep_every: int | None = None
    preview: dict[str, Any] | None = None
    last_checkpoint: dict[str, Any] | None = None
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
    inputs_gone: bool = False
    params_digest: str | None = None
    reused: bool | None = None
    urls: dict[str, str | None] = field(default_factory=dict)
    read_picture: Callable[[str], bytes | None] | None = field(
        default=None, repr=False, compare=False
    )

    @property
    def is_over(self) -> bool:
        """Return whether the job has ended, even in a state unknown to this version."""
        return self.state in _TERMINAL_STATES or self.finished_at is not None

    def _repr_mimebundle_(self, **_formats: object) -> dict[str, str]:
        """Return the text for a notebook, and the picture or its latest preview.

        IPython calls it with the preferred formats.
        """
        shown = {"text/plain": repr(self)}
        path = self.preview and self.preview.get("url")
        if self.state == "succeeded":
            path = f"/v1/jobs/{self.id}/result?format=jpeg&max_edge={_NOTEBOOK_EDGE_PX}"
        if path and self.read_picture and (picture := self.read_picture(path)):
            shown["image/jpeg"] = b64encode(picture).decode()
        return shown

    @override
    def __reduce__(self) -> tuple[Callable[[Mapping[str, Any]], Job], tuple[Any]]:
        """Pickle the job without `read_picture`, which has the API key."""
        return Job.from_json, (self.raw,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset(ApiModel):
    """Uploaded picture."""

    parsers: ClassVar[Mapping[str, Parser]] = _TIMES

    id: str
    sha256: str
    bytes: int | None = None
    media_type: str | None = None
    width: int | None = None
    height: int | None = None
    purpose: str | None = None
    created_at: datetime | None = None
    expires_at: datetime | None = None
    urls: dict[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetPage(ApiModel):
    """Page of assets, newest first, and the cursor of the next page."""

    parsers: ClassVar[Mapping[str, Parser]] = {"data": _list_parser(Asset.from_json)}

    data: list[Asset] = field(default_factory=list)
    next_cursor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Key(ApiModel):
    """API key; only the response that creates it has its secret."""

    parsers: ClassVar[Mapping[str, Parser]] = _TIMES

    id: str
    name: str | None = None
    owner: str | None = None
    scopes: list[str] = field(default_factory=list)
    submits_per_minute: int | None = None
    requests_per_minute: int | None = None
    created_at: datetime | None = None
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    secret: str | None = field(default=None, repr=False)
    urls: dict[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPage(ApiModel):
    """Page of API keys, and the cursor of the next page."""

    parsers: ClassVar[Mapping[str, Parser]] = {"data": _list_parser(Key.from_json)}

    data: list[Key] = field(default_factory=list)
    next_cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """Event of a job, from a stream: docs/waiting.md.

    Attributes:
        kind: Kind of event: snapshot, log, state, progress, preview, output, end, ...
        data: Members of the event; for a snapshot, the whole job.
        id: Number of the last event in the log, to continue from.
    """

    kind: str
    data: Mapping[str, Any]
    id: str | None = None


class Page(Protocol[T_co]):
    """Page of a list, and the cursor of the next page, if there is one."""

    @property
    def data(self) -> Sequence[T_co]:
        """Items of the page."""

    @property
    def next_cursor(self) -> str | None:
        """Cursor of the next page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPage(ApiModel):
    """Page of jobs, newest first, and the cursor of the next page."""

    parsers: ClassVar[Mapping[str, Parser]] = {"data": _list_parser(Job.from_json)}

    data: list[Job] = field(default_factory=list)
    next_cursor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerEstimate(ApiModel):
    """Estimated time and memory of a job on one kind of live workers."""

    device: str = ""
    setup: str = ""
    count: int = 1
    fits: bool = True
    peak_mb: int | None = None
    seconds: float | None = None
    low_s: float | None = None
    high_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EqualJob(ApiModel):
    """Job with the same work."""

    id: str
    state: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate(ApiModel):
    """Estimated time and memory of a job, and when it would start."""

    parsers: ClassVar[Mapping[str, Parser]] = {
        "workers": _list_parser(WorkerEstimate.from_json),
        "queue": Queue.from_json,
        "equal_job": EqualJob.from_json,
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
