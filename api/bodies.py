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

from shared.schedules import MAX_ITERATIONS
from shared.steering import Changes

PriorityWord = Literal["low", "normal", "high"]
PRIORITIES: dict[str, int] = {"low": -1, "normal": 0, "high": 1}

_LONGEST_SECONDS = 1e9


def read_moment(value: object) -> datetime | float:
    """Read a time, or seconds from now.

    Raises:
        ValueError: It is neither.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        if 0 < value <= _LONGEST_SECONDS:
            return float(value)
    elif isinstance(value, str):
        with suppress(ValueError):
            moment = datetime.fromisoformat(value)
            if moment.tzinfo is not None:
                return moment
    raise ValueError("must be a time with its zone (RFC 3339), or seconds from now")


Moment = Annotated[
    datetime | float,
    PlainValidator(read_moment),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "format": "date-time"},
                {"type": "number", "exclusiveMinimum": 0, "maximum": _LONGEST_SECONDS},
            ]
        }
    ),
]


class ChangeBody(Changes):
    """A merge patch (RFC 7396): what is left out stays, null takes away."""

    name: str | None = Field(default=None, max_length=200)
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
    name: str | None = Field(default=None, max_length=200)


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
