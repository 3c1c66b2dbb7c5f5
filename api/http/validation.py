"""What Pydantic found wrong, as JSON pointers that people can follow."""

from __future__ import annotations

import unicodedata
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from shared.db.base import MAX_NAME
from shared.errors import FieldError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pydantic import BaseModel, ValidationError
    from pydantic_core import ErrorDetails

_SHOWN = 40  # characters of a wrong value
_ALIKE = 0.75  # of 1: "preset" is no slip of the pen for "reuse"


def field_errors(
    error: ValidationError,
    model: type[BaseModel],
    prefix: str = "",
    *,
    lists_known: bool = False,
) -> list[FieldError]:
    """List every wrong value of `error`.

    Args:
        error: What Pydantic found.
        model: Which it should have been.
        prefix: JSON pointer to where it stands.
        lists_known: Whether who names something unknown is told all that is known.
    """
    known = f"; known: {', '.join(model.model_fields)}" if lists_known else ""
    found = error.errors(include_url=False, include_context=False)
    return [
        FieldError(
            prefix + pointer(one["loc"]),
            one["type"].replace("_", "-"),
            _detail(one, model, known),
        )
        for one in found
        if not _follows_from(one, found)
    ]


def pointer(path: Iterable[int | str]) -> str:
    """Write a JSON pointer (RFC 6901)."""
    steps = (str(step).replace("~", "~0").replace("/", "~1") for step in path)
    return "".join(f"/{step}" for step in steps)


def sound(said: Mapping[str, Any], errors: Iterable[FieldError]) -> dict[str, Any]:
    """Leave out the members of a body in which something is wrong."""
    wrong = {one.pointer.split("/")[1] for one in errors}
    return {name: said[name] for name in said if name not in wrong}


def _follows_from(one: ErrorDetails, found: list[ErrorDetails]) -> bool:
    # A list whose items are all wrong is also "too short": no news to anybody.
    here = one["loc"]
    below = (other["loc"] for other in found if len(other["loc"]) > len(here))
    return one["type"] == "too_short" and any(loc[: len(here)] == here for loc in below)


def _detail(one: ErrorDetails, model: type[BaseModel], known: str) -> str:
    if one["type"] == "extra_forbidden":
        return _unknown(str(one["loc"][-1]), model) + known
    message = one["msg"].removeprefix("Value error, ")
    value = one["input"]
    if isinstance(value, str | int | float) and one["type"] != "value_error":
        return f"{message}, not {_shorten(repr(value))}"
    return message


def _unknown(name: str, model: type[BaseModel]) -> str:
    close = get_close_matches(name[:_SHOWN], model.model_fields, n=1, cutoff=_ALIKE)
    meant = f"; did you mean {close[0]!r}?" if close else ""
    return f"{_shorten(repr(name))} is not known here{meant}"


def _shorten(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def is_plausible_id(text: str) -> bool:
    """Keep other text from the database, which may choke on it."""
    return text.isascii() and text.replace("_", "").isalnum()


def clean_name(text: str, errors: list[FieldError]) -> str | None:
    """Check a name for people; what is wrong with it goes to `errors`."""
    name = text.strip()
    if len(name) > MAX_NAME:
        detail = f"{len(name)} characters, at most {MAX_NAME}"
        errors.append(FieldError("/name", "too-long", detail))
    if any(unicodedata.category(character).startswith("C") for character in name):
        errors.append(FieldError("/name", "unprintable", "has control characters"))
    return name or None
