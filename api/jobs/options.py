"""Options of a new job (priority, deadlines, tags) and its planned segments."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

from pydantic import TypeAdapter, ValidationError

from api.http.json_body import parse_list, parse_object
from api.http.validation import field_errors, json_pointer
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
from shared.params.segments import Changes, Segment, apply_segments

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from shared.params.style import StyleParams

MAX_SEGMENTS = 100
_MAX_DIGITS = 9  # of a count: longer numbers are beyond any limit

_SEGMENTS_EXAMPLE = '[{"from_iteration": 120, "changes": {"style_weight": 20}}]'
_SEGMENTS = TypeAdapter(tuple[Segment, ...])
# Field of the parameters -> field of the change that sets it.
_PARAM_ALIASES = {"schedule": "iterations"}


def read_segments(
    text: str, params: StyleParams | None, errors: list[FieldError]
) -> tuple[Segment, ...]:
    """Parse and validate the planned segments of a job.

    Args:
        text: Segments as JSON.
        params: Parameters that they change; None if these are invalid, so that only
            the segments themselves are validated.
        errors: Validation errors, to which those of the segments are added.

    Raises:
        MalformedJson: The text is not a strict JSON array.
    """
    items = parse_list(text, "segments", _SEGMENTS_EXAMPLE)
    if len(items) > MAX_SEGMENTS:
        detail = f"{len(items)} segments, at most {MAX_SEGMENTS}"
        errors.append(FieldError("/segments", "too-many", detail))
        return ()
    try:
        segments = _SEGMENTS.validate_json(json.dumps(items), strict=True)
    except ValidationError as error:
        errors.extend(field_errors(error, Changes, "/segments"))
        return ()
    errors.extend(_out_of_order(segments))
    if params is not None:
        errors.extend(_check_against_params(segments, params))
    return segments


def _out_of_order(segments: tuple[Segment, ...]) -> Iterable[FieldError]:
    for index, segment in enumerate(segments[1:], start=1):
        previous = segments[index - 1].from_iteration
        if segment.from_iteration < previous:
            yield FieldError(
                f"/segments/{index}/from_iteration",
                "out-of-order",
                f"{segment.from_iteration} comes after {previous}; sort the segments",
            )


def _check_against_params(
    segments: tuple[Segment, ...], params: StyleParams
) -> Iterable[FieldError]:
    """Yield errors of segments that do not fit the parameters at their iteration."""
    begin, planned = 0, params.iterations  # where the last began; planned by then
    for index, segment in enumerate(segments):
        prefix = f"/segments/{index}"
        if segment.from_iteration > begin:
            begin, planned = segment.from_iteration, params.iterations
        if segment.from_iteration > planned:  # that of an extension begins at the end
            detail = (
                f"must be at most the {planned} planned iterations, "
                f"not {segment.from_iteration}"
            )
            yield FieldError(f"{prefix}/from_iteration", "too-late", detail)
        if not segment.changes.to_json():
            yield FieldError(f"{prefix}/changes", "missing", "names nothing to change")
        try:
            params = apply_segments(params, [segment])
        except ValidationError as error:
            yield from _change_errors(error, segment.changes, f"{prefix}/changes")
        except ValueError as error:
            yield FieldError(f"{prefix}/changes/styles", "length", str(error))


def _change_errors(
    error: ValidationError, changes: Changes, prefix: str
) -> Iterable[FieldError]:
    for item in error.errors(include_url=False, include_context=False):
        field = str(item["loc"][0])
        name = _PARAM_ALIASES.get(field, field)
        detail = item["msg"].removeprefix("Value error, ")
        # A weight that was 0 before may be at fault together with a changed one.
        pointer = f"{prefix}/{name}" if name in changes.to_json() else prefix
        yield FieldError(pointer, item["type"].replace("_", "-"), detail)


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class JobOptions:
    """Options of a job besides its parameters; None means the default of the server."""

    priority: int = 0
    max_attempts: int | None = None
    keep_every: int | None = None
    start_deadline: float | None = None  # seconds since 1970
    cancel_after: float | None = None  # the same
    tags: tuple[str, ...] = ()
    user_metadata: dict[str, str] = field(default_factory=dict)  # `metadata` in JSON
    reuse: ReuseWord = "never"


OPTION_FIELDS = (
    "priority", "max_attempts", "keep_every", "start_deadline", "cancel_after", "reuse",
)  # fmt: skip
_TAGS: TypeAdapter[tuple[str, ...]] = TypeAdapter(Tags)
_METADATA: TypeAdapter[dict[str, str]] = TypeAdapter(Metadata)
_REUSE: TypeAdapter[ReuseWord] = TypeAdapter(ReuseWord)


def read_options(
    fields: Mapping[str, str], now: Callable[[], float], errors: list[FieldError]
) -> JobOptions:
    """Parse and validate the options among the fields of a form.

    Args:
        fields: Text by field name; empty text counts as missing.
        now: Function that reads the time of the database, in seconds since 1970;
            called only if a deadline is set.
        errors: Validation errors, to which those of the options are added.

    Raises:
        MalformedJson: Tags or metadata are not strict JSON.
    """
    tags = parse_list(fields.get("tags") or "[]", "tags", '["series-3"]')
    metadata = parse_object(
        fields.get("metadata") or "{}", "metadata", '{"order": "42"}'
    )
    checked_tags = _validate(_TAGS, tags, "tags", errors)
    texts = {
        name: fields[name].strip() for name in OPTION_FIELDS if fields.get(name, "")
    }
    return JobOptions(
        priority=_read_priority(texts.get("priority", "normal"), errors),
        max_attempts=_read_count("max_attempts", texts, MAX_ATTEMPTS, errors),
        keep_every=_read_count("keep_every", texts, MAX_ITERATIONS, errors),
        start_deadline=_read_deadline("start_deadline", texts, now, errors),
        cancel_after=_read_deadline("cancel_after", texts, now, errors),
        tags=distinct_tags(checked_tags or ()),
        user_metadata=_validate(_METADATA, metadata, "metadata", errors) or {},
        reuse=read_reuse(texts.get("reuse", "never"), errors),
    )


def read_reuse(value: object, errors: list[FieldError]) -> ReuseWord:
    """Validate the option `reuse`; an error is added to `errors`."""
    return _validate(_REUSE, value, "reuse", errors) or "never"


def distinct_tags(tags: Iterable[str]) -> tuple[str, ...]:
    """Return each tag once, in the order given."""
    return tuple(dict.fromkeys(tags))


def resolve_deadline(
    name: str,
    moment: datetime | float | None,
    now: Callable[[], float],
    errors: list[FieldError],
) -> float | None:
    """Convert a time, or seconds from now, to seconds since 1970.

    An error is added to `errors` if the time is past or more than `LONGEST_SECONDS`
    ahead: the last hours of the year 9999 cannot be converted to another time zone.
    """
    if moment is None:
        return None
    current = now()
    if not isinstance(moment, datetime):
        return current + moment
    if (timestamp := moment.timestamp()) <= current:
        errors.append(FieldError(f"/{name}", "past", f"{moment} is over"))
    elif timestamp > current + LONGEST_SECONDS:
        detail = f"{moment} is more than {LONGEST_SECONDS:,.0f} seconds ahead"
        errors.append(FieldError(f"/{name}", "too-far", detail))
    return timestamp


def _validate(
    adapter: TypeAdapter[T], value: object, name: str, errors: list[FieldError]
) -> T | None:
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        errors.extend(
            FieldError(
                f"/{name}{json_pointer(item['loc'])}",
                item["type"].replace("_", "-"),
                item["msg"],
            )
            for item in error.errors(include_url=False, include_context=False)
        )
        return None


def _read_priority(word: str, errors: list[FieldError]) -> int:
    if word not in PRIORITIES:
        allowed = ", ".join(PRIORITIES)
        errors.append(FieldError("/priority", "unknown", f"must be one of {allowed}"))
    return PRIORITIES.get(word, 0)


def _read_count(
    name: str, texts: Mapping[str, str], maximum: int, errors: list[FieldError]
) -> int | None:
    text = texts.get(name)
    if text is None:
        return None
    is_number = text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS
    if is_number and 1 <= int(text) <= maximum:
        return int(text)
    detail = f"must be a whole number from 1 to {maximum}"
    errors.append(FieldError(f"/{name}", "number", detail))
    return None


def _read_deadline(
    name: str,
    texts: Mapping[str, str],
    now: Callable[[], float],
    errors: list[FieldError],
) -> float | None:
    text = texts.get(name)
    if text is None:
        return None
    try:
        value: float | str = float(text)
    except ValueError:
        value = text
    try:
        return resolve_deadline(name, read_moment(value), now, errors)
    except ValueError as error:
        errors.append(FieldError(f"/{name}", "time", str(error)))
        return None
