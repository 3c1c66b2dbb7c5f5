"""Planned steering: the field `segments` of a new job, checked all at once."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from api.strict_json import parse_list
from api.validation import field_errors
from shared.errors import FieldError
from shared.steering import Changes, Segment, steered

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shared.params import StyleParams

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
