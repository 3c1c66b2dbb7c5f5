"""The JSON bodies of the verbs, as Pydantic models: checked here, described by them."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    WithJsonSchema,
)

from shared.columns import MAX_NAME
from shared.schedules import MAX_ITERATIONS
from shared.steering import Changes

PriorityWord = Literal["low", "normal", "high"]
PRIORITIES: dict[str, int] = {"low": -1, "normal": 0, "high": 1}

LONGEST_SECONDS = 1e9  # how far ahead a deadline may be, however it is said
MAX_ATTEMPTS = 100


def read_moment(value: object) -> datetime | float:
    """Read a time, or seconds from now.

    Raises:
        ValueError: It is neither.
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


# Databases take no zero byte, people see no control characters.
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
    """A merge patch (RFC 7396): what is left out stays, null takes away."""

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


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class OptionsBody(_Body):
    """What a job is told besides its parameters, in JSON."""

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


class EmptyBody(_Body):
    """Of verbs that there is nothing to say about."""


class CancelBody(_Body):
    """Whether what a canceled job has made is kept."""

    purge: bool = Field(
        default=False,
        description="delete the job too, with all that it made, as soon as no worker "
        "holds it: from then on it answers 410",
    )


class ForkPoint(_Body):
    """Where a fork begins."""

    iteration: int = Field(ge=1, le=MAX_ITERATIONS, description="of a checkpoint")


class ForkBody(_Body):
    """A new job from a checkpoint of another."""

    origin: ForkPoint = Field(alias="from")
    params: Changes = Field(
        default=Changes(), description="a merge patch of weights and iterations"
    )
    iterations: int | None = Field(
        default=None, ge=1, le=MAX_ITERATIONS, description="of the last scale"
    )
    name: str | None = Field(default=None, max_length=MAX_NAME)


class ExtendBody(_Body):
    """More iterations at the last scale."""

    iterations: int = Field(ge=1, le=MAX_ITERATIONS)


class RetryBody(_Body):
    """Where a retry begins."""

    origin: Literal["checkpoint", "start"] = Field(
        default="checkpoint",
        alias="from",
        description="the last checkpoint, if there is one; or the start",
    )
