"""Conversion of Pydantic's validation errors to field errors with JSON pointers."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from shared.errors import FieldError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic import BaseModel, ValidationError
    from pydantic_core import ErrorDetails

_MAX_SHOWN = 40  # characters of a wrong value
MAX_NAME_SHOWN = 100  # characters of a name in a pointer; known ones are shorter
_MIN_SIMILARITY = 0.75  # of 1, so that "preset" is no suggestion for "reuse"


def field_errors(
    error: ValidationError,
    model: type[BaseModel],
    prefix: str = "",
    *,
    lists_fields: bool = False,
) -> list[FieldError]:
    """Return a field error for every wrong value of `error`.

    Args:
        error: Error of Pydantic.
        model: Model that was validated.
        prefix: JSON pointer to the validated object.
        lists_fields: True to list the known fields in the error of an unknown field.
    """
    field_list = f"; known: {', '.join(model.model_fields)}" if lists_fields else ""
    details = error.errors(include_url=False, include_context=False)
    return [
        FieldError(
            prefix + json_pointer(detail["loc"]),
            detail["type"].replace("_", "-"),
            _message(detail, model, field_list),
        )
        for detail in details
        if not _is_consequence(detail, details)
    ]


def json_pointer(location: Iterable[int | str]) -> str:
    """Return a location of Pydantic as a JSON pointer (RFC 6901), with names cut."""
    names = (shorten(str(step), MAX_NAME_SHOWN) for step in location)
    steps = (name.replace("~", "~0").replace("/", "~1") for name in names)
    return "".join(f"/{step}" for step in steps)


def _is_consequence(detail: ErrorDetails, details: list[ErrorDetails]) -> bool:
    # A list of invalid items is also "too short", which needs no second error.
    location = detail["loc"]
    depth = len(location)
    deeper = (other["loc"] for other in details if len(other["loc"]) > depth)
    return detail["type"] == "too_short" and any(
        other[:depth] == location for other in deeper
    )


def _message(detail: ErrorDetails, model: type[BaseModel], field_list: str) -> str:
    if detail["type"] == "extra_forbidden":
        return _unknown_field(str(detail["loc"][-1]), model) + field_list
    if detail["msg"] == "Field required":
        field = model.model_fields.get(str(detail["loc"][0]))
        about = field.description if field and len(detail["loc"]) == 1 else None
        return f"is missing: {about}" if about else "is missing"
    message = detail["msg"].removeprefix("Value error, ")
    value = detail["input"]
    # Pydantic's own messages begin with a capital letter and lack the value.
    if (
        isinstance(value, str | int | float)
        and detail["msg"][0].isupper()
        and (detail["type"] != "value_error")
    ):
        return f"{message}, not {shorten(repr(value))}"
    return message


def _unknown_field(name: str, model: type[BaseModel]) -> str:
    matches = get_close_matches(
        name[:_MAX_SHOWN], model.model_fields, n=1, cutoff=_MIN_SIMILARITY
    )
    suggestion = f"; did you mean {matches[0]!r}?" if matches else ""
    return f"{shorten(repr(name))} is not known here{suggestion}"


def shorten(text: str, most: int = _MAX_SHOWN) -> str:
    """Cut a long name or value of a request, for a message."""
    return text if len(text) <= most else f"{text[:most]}..."


def is_plausible_id(text: str) -> bool:
    """Return whether text may be an id; other text must not reach the database."""
    return text.isascii() and text.replace("_", "").isalnum()
