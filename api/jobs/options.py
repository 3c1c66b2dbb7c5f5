"""Planned steering: the field `segments` of a new job, checked all at once.

What a job is told besides its parameters: its name, its place in line, deadlines.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

from pydantic import TypeAdapter, ValidationError

from api.http.json_body import parse_list, parse_object
from api.http.validation import field_errors, pointer
from api.job_view.schemas import PRIORITIES
from api.jobs.request_schemas import (
    LONGEST_SECONDS,
    MAX_ATTEMPTS,
    Metadata,
    ReuseWord,
    Tags,
    read_moment,
)
from shared.errors import FieldError
from shared.params.schedule import MAX_ITERATIONS
from shared.params.segments import Changes, Segment, steered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from shared.params.style import StyleParams

MAX_SEGMENTS = 100

_EXAMPLE = '[{"from_iteration": 120, "changes": {"style_weight": 20}}]'
_SEGMENTS = TypeAdapter(tuple[Segment, ...])
# What `steered` names by the parameter that a change has become.
_CHANGES = {"schedule": "iterations"}


def read_segments(
    text: str, params: StyleParams | None, errors: list[FieldError]
) -> tuple[Segment, ...]:
    """Read the planned changes of a job; what is wrong is added to `errors`.

    Args:
        text: JSON.
        params: What they change; None: it is wrong itself, and they are only read.
        errors: Grows.

    Raises:
        MalformedJson: The text is not a strict JSON array.
    """
    said = parse_list(text, "segments", _EXAMPLE)
    if len(said) > MAX_SEGMENTS:
        detail = f"{len(said)} segments, at most {MAX_SEGMENTS}"
        errors.append(FieldError("/segments", "too-many", detail))
        return ()
    try:
        segments = _SEGMENTS.validate_json(json.dumps(said), strict=True)
    except ValidationError as error:
        errors.extend(field_errors(error, Changes, "/segments"))
        return ()
    errors.extend(_out_of_order(segments))
    if params is not None:
        errors.extend(_unfit(segments, params))
    return segments


def _out_of_order(segments: tuple[Segment, ...]) -> Iterable[FieldError]:
    for index, segment in enumerate(segments[1:], start=1):
        before = segments[index - 1].from_iteration
        if segment.from_iteration < before:
            yield FieldError(
                f"/segments/{index}/from_iteration",
                "out-of-order",
                f"{segment.from_iteration} comes after {before}; sort the segments",
            )


def _unfit(segments: tuple[Segment, ...], params: StyleParams) -> Iterable[FieldError]:
    """What does not go with the parameters as they are by then."""
    for index, segment in enumerate(segments):
        here = f"/segments/{index}"
        if segment.from_iteration >= params.iterations:
            detail = (
                f"must be below the {params.iterations} planned iterations, "
                f"not {segment.from_iteration}"
            )
            yield FieldError(f"{here}/from_iteration", "too-late", detail)
        if not segment.changes.stored():
            yield FieldError(f"{here}/changes", "missing", "names nothing to change")
        try:
            params = steered(params, [segment])
        except ValidationError as error:
            yield from _about(error, segment.changes, f"{here}/changes")
        except ValueError as error:
            yield FieldError(f"{here}/changes/styles", "length", str(error))


def _about(error: ValidationError, changes: Changes, here: str) -> Iterable[FieldError]:
    for one in error.errors(include_url=False, include_context=False):
        field = str(one["loc"][0])
        name = _CHANGES.get(field, field)
        detail = one["msg"].removeprefix("Value error, ")
        # A weight that was 0 before may be at fault together with a changed one.
        pointer = f"{here}/{name}" if name in changes.stored() else here
        yield FieldError(pointer, one["type"].replace("_", "-"), detail)


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class JobOptions:
    """How a job is treated; None leaves it to the server."""

    priority: int = 0
    max_attempts: int | None = None
    keep_every: int | None = None
    start_deadline: float | None = None  # seconds since 1970
    cancel_after: float | None = None  # the same
    tags: tuple[str, ...] = ()
    user_metadata: dict[str, str] = field(default_factory=dict)  # `metadata` in JSON
    reuse: ReuseWord = "never"


FIELDS = ("priority", "max_attempts", "keep_every", "start_deadline", "cancel_after",
          "reuse")  # fmt: skip
_TAGS: TypeAdapter[tuple[str, ...]] = TypeAdapter(Tags)
_LABELS: TypeAdapter[dict[str, str]] = TypeAdapter(Metadata)
_REUSE: TypeAdapter[ReuseWord] = TypeAdapter(ReuseWord)


def read_options(
    fields: Mapping[str, str], now: Callable[[], float], errors: list[FieldError]
) -> JobOptions:
    """Read the options among the fields of a form; what is wrong goes to `errors`.

    Args:
        fields: Text by name; an empty one counts as not sent.
        now: Of the database, in seconds; asked for only if there is a deadline.
        errors: Is added to.

    Raises:
        MalformedJson: Tags or metadata are not strict JSON.
    """
    tags = parse_list(fields.get("tags") or "[]", "tags", '["series-3"]')
    labels = parse_object(fields.get("metadata") or "{}", "metadata", '{"order": "42"}')
    checked_tags = _checked(_TAGS, tags, "tags", errors)
    told = {name: fields[name].strip() for name in FIELDS if fields.get(name, "")}
    return JobOptions(
        priority=_priority(told.get("priority", "normal"), errors),
        max_attempts=_count("max_attempts", told, MAX_ATTEMPTS, errors),
        keep_every=_count("keep_every", told, MAX_ITERATIONS, errors),
        start_deadline=_moment("start_deadline", told, now, errors),
        cancel_after=_moment("cancel_after", told, now, errors),
        tags=distinct(checked_tags or ()),
        user_metadata=_checked(_LABELS, labels, "metadata", errors) or {},
        reuse=read_reuse(told.get("reuse", "never"), errors),
    )


def read_reuse(told: object, errors: list[FieldError]) -> ReuseWord:
    """Check which equal job may be taken; what is wrong with it goes to `errors`."""
    return _checked(_REUSE, told, "reuse", errors) or "never"


def distinct(tags: Iterable[str]) -> tuple[str, ...]:
    """Each tag once, in the order given."""
    return tuple(dict.fromkeys(tags))


def deadline(
    name: str,
    moment: datetime | float | None,
    now: Callable[[], float],
    errors: list[FieldError],
) -> float | None:
    """Turn a time, or seconds from now, into seconds since 1970.

    What is over, or further ahead than seconds can say, goes to `errors`: the last
    hours of the year 9999 are no time at all in another zone.
    """
    if moment is None:
        return None
    present = now()
    if not isinstance(moment, datetime):
        return present + moment
    if (told := moment.timestamp()) <= present:
        errors.append(FieldError(f"/{name}", "past", f"{moment} is over"))
    elif told > present + LONGEST_SECONDS:
        detail = f"{moment} is more than {LONGEST_SECONDS:,.0f} seconds ahead"
        errors.append(FieldError(f"/{name}", "too-far", detail))
    return told


def _checked(
    adapter: TypeAdapter[T], value: object, name: str, errors: list[FieldError]
) -> T | None:
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        errors.extend(
            FieldError(
                f"/{name}{pointer(one['loc'])}",
                one["type"].replace("_", "-"),
                one["msg"],
            )
            for one in error.errors(include_url=False, include_context=False)
        )
        return None


def _priority(word: str, errors: list[FieldError]) -> int:
    if word not in PRIORITIES:
        known = ", ".join(PRIORITIES)
        errors.append(FieldError("/priority", "unknown", f"must be one of {known}"))
    return PRIORITIES.get(word, 0)


def _count(
    name: str, told: Mapping[str, str], most: int, errors: list[FieldError]
) -> int | None:
    text = told.get(name)
    if text is None:
        return None
    if text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= most:  # noqa: PLR2004 - longer ones are beyond any limit
        return int(text)
    detail = f"must be a whole number from 1 to {most}"
    errors.append(FieldError(f"/{name}", "number", detail))
    return None


def _moment(
    name: str,
    told: Mapping[str, str],
    now: Callable[[], float],
    errors: list[FieldError],
) -> float | None:
    text = told.get(name)
    if text is None:
        return None
    try:
        value: float | str = float(text)
    except ValueError:
        value = text
    try:
        return deadline(name, read_moment(value), now, errors)
    except ValueError as error:
        errors.append(FieldError(f"/{name}", "time", str(error)))
        return None
