"""Pydantic models of the requests on jobs.

The JSON bodies are validated with them; the forms of new jobs are only described by
them in OpenAPI.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, WithJsonSchema

from api.http.schemas import EXAMPLE_ASSET_ID, File, RequestBody, with_example
from api.job_view.schemas import PriorityWord
from shared.db.base import MAX_NAME
from shared.params.schedule import MAX_ITERATIONS
from shared.params.segments import Changes, Segment
from shared.params.style import MAX_STYLES, StyleParams

LONGEST_SECONDS = 1e9  # maximum time from now to a deadline
MAX_ATTEMPTS = 100


def read_moment(value: object) -> datetime | float:
    """Parse a time, or seconds from now.

    Raises:
        ValueError: The value is neither.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        if 0 < value <= LONGEST_SECONDS:
            return float(value)
    elif isinstance(value, str):
        with suppress(ValueError):
            moment = datetime.fromisoformat(value)
            if moment.tzinfo is not None:
                return moment
    raise ValueError("must be a time with its zone (RFC 3339), or seconds from now")


# Databases refuse NUL; other control characters are invisible.
Tag = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")]
Tags = Annotated[
    tuple[Tag, ...], Field(max_length=20, description="for `tag=` of the list")
]
Metadata = Annotated[
    dict[Tag, Annotated[str, Field(max_length=500, pattern=r"^[^\x00]*$")]],
    Field(max_length=16, description="text by name, kept for you and not looked at"),
]
ReuseWord = Annotated[
    Literal["never", "finished", "finished_or_active"],
    Field(
        description="take an equal job of yours instead of making one: one that has "
        "succeeded, or also one that is still to; the answer is 200 then, and `reused`"
    ),
]

Moment = Annotated[
    datetime | float,
    PlainValidator(read_moment),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "format": "date-time"},
                {"type": "number", "exclusiveMinimum": 0, "maximum": LONGEST_SECONDS},
            ]
        }
    ),
]


class ChangeBody(Changes):
    """A merge patch of a job (RFC 7396): missing fields stay, null removes."""

    model_config = with_example({"style_weight": 12.0, "tags": ["series-3", "bold"]})

    name: str | None = Field(default=None, max_length=MAX_NAME)
    tags: Tags | None = None
    metadata: Metadata | None = None
    priority: PriorityWord | None = Field(
        default=None, description="a step is worth an hour of waiting"
    )
    cancel_after: Moment | None = Field(
        default=None,
        description="when it is canceled if it is not done: a time, or seconds from "
        "now",
    )


class OptionsBody(RequestBody):
    """Options of a job besides its parameters, in JSON."""

    name: str | None = Field(default=None, max_length=MAX_NAME)
    tags: Tags = ()
    metadata: Metadata = Field(default={})
    priority: PriorityWord = Field(
        default="normal", description="a step is worth an hour of waiting"
    )
    max_attempts: int | None = Field(
        default=None,
        ge=1,
        le=MAX_ATTEMPTS,
        description="tries; default: IMPASTO_MAX_ATTEMPTS",
    )
    keep_every: int | None = Field(
        default=None,
        ge=1,
        le=MAX_ITERATIONS,
        description="iterations between checkpoints kept for forks",
    )
    start_deadline: Moment | None = Field(
        default=None, description="expires if not started by then"
    )
    cancel_after: Moment | None = Field(
        default=None, description="canceled if not done by then"
    )
    reuse: ReuseWord = "never"


class CancelBody(RequestBody):
    """Body of a cancel request: whether the job is deleted too."""

    model_config = with_example({"purge": True})

    purge: bool = Field(
        default=False,
        description="delete the job too, with all that it made, as soon as no worker "
        "holds it: from then on it answers 410",
    )


class ForkPoint(RequestBody):
    """Checkpoint from which a fork starts."""

    iteration: int = Field(ge=1, le=MAX_ITERATIONS, description="of a checkpoint")


class ForkBody(RequestBody):
    """Body of a fork: a new job from a checkpoint of another."""

    model_config = with_example(
        {"from": {"iteration": 100}, "params": {"style_weight": 20.0}}
    )

    origin: ForkPoint = Field(alias="from")
    params: Changes = Field(
        default=Changes(), description="a merge patch of weights and iterations"
    )
    iterations: int | None = Field(
        default=None, ge=1, le=MAX_ITERATIONS, description="of the last scale"
    )
    name: str | None = Field(default=None, max_length=MAX_NAME)


class ExtendBody(RequestBody):
    """Body of an extension: more iterations at the last scale."""

    model_config = with_example({"iterations": 100})

    iterations: int = Field(ge=1, le=MAX_ITERATIONS)


class RetryBody(RequestBody):
    """Body of a retry: where it starts."""

    model_config = with_example({"from": "start"})

    origin: Literal["checkpoint", "start"] = Field(
        default="checkpoint",
        alias="from",
        description="the last checkpoint, if there is one; or the start",
    )


def _with_style_files(schema: dict[str, Any]) -> None:
    """Add the mask, region and label map of each style to the schema."""
    descriptions = {
        "mask": "of the photo's shape, bright where style {} goes",
        "region": "of the shape of style {}, bright where the style is taken from",
        "labels": "label map of style {}, of its shape; with content_labels",
    }
    for role, description in descriptions.items():
        for number in range(MAX_STYLES):
            schema["properties"][f"{role}_{number}"] = {
                "type": "string",
                "format": "binary",
                "description": description.format(number),
            }


class JobForm(BaseModel):
    """The multipart form that submits a job."""

    model_config = ConfigDict(frozen=True, json_schema_extra=_with_style_files)

    content: File = Field(description="the photo")
    style: list[File] = Field(
        min_length=1,
        max_length=MAX_STYLES,
        description="one or more paintings; repeat the part",
    )
    init_image: File | None = Field(
        default=None, description="where to start, with init: image"
    )
    content_labels: File | None = Field(
        default=None,
        description="label map of the photo, of its shape: colors say what is where",
    )
    params: StyleParams = Field(default=StyleParams(), description="as JSON")
    segments: list[Segment] = Field(
        default=[], description="as JSON: changes planned for mid-run, in their order"
    )
    name: str | None = Field(default=None, max_length=MAX_NAME)
    tags: Tags = Field(default=(), description="as JSON")
    metadata: Metadata = Field(default={}, description="as JSON")
    reuse: ReuseWord = "never"
    priority: Literal["low", "normal", "high"] = Field(
        default="normal", description="a step is worth an hour of waiting"
    )
    max_attempts: int | None = Field(
        default=None,
        ge=1,
        le=MAX_ATTEMPTS,
        description="tries; default: IMPASTO_MAX_ATTEMPTS",
    )
    keep_every: int | None = Field(
        default=None,
        ge=1,
        le=MAX_ITERATIONS,
        description="iterations between checkpoints kept for forks",
    )
    start_deadline: str | None = Field(
        default=None,
        description="expires if not started by then: RFC 3339, or seconds from now",
    )
    cancel_after: str | None = Field(
        default=None,
        description="canceled if not done by then: RFC 3339, or seconds from now",
    )


class JobJson(StyleParams, OptionsBody):
    """A job whose pictures are assets.

    Parameters stand beside the options, or in `params`, as in the job object.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "title": "JobJson",
            "required": ["content", "styles"],
            "examples": [
                {
                    "content": {"asset_id": EXAMPLE_ASSET_ID},
                    "styles": [
                        {"image": {"asset_id": "ast_01JD0000000000000000000001"}}
                    ],
                    "max_edge": 512,
                    "name": "Lisbon",
                    "tags": ["series-3"],
                }
            ],
        }
    )

    params: StyleParams | None = Field(
        default=None,
        description="any of the parameters, as in a job: that of another can be sent "
        "as it is; those beside it are added",
    )
    segments: list[Segment] = Field(
        default=[], description="changes planned for mid-run, in their order"
    )
