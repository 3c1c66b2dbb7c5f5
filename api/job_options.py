"""What a job is told besides its parameters: its name, its place in line, deadlines."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

from pydantic import TypeAdapter, ValidationError

from api.bodies import (
    LONGEST_SECONDS,
    MAX_ATTEMPTS,
    PRIORITIES,
    Metadata,
    ReuseWord,
    Tags,
    read_moment,
)
from api.strict_json import parse_list, parse_object
from api.validation import pointer
from shared.columns import MAX_NAME
from shared.errors import FieldError
from shared.schedules import MAX_ITERATIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

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
    labels: dict[str, str] = field(default_factory=dict)  # `metadata` in JSON
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
        labels=_checked(_LABELS, labels, "metadata", errors) or {},
        reuse=read_reuse(told.get("reuse", "never"), errors),
    )


def read_reuse(told: object, errors: list[FieldError]) -> ReuseWord:
    """Check which equal job may be taken; what is wrong with it goes to `errors`."""
    return _checked(_REUSE, told, "reuse", errors) or "never"


def distinct(tags: Iterable[str]) -> tuple[str, ...]:
    """Each tag once, in the order given."""
    return tuple(dict.fromkeys(tags))


def clean_name(text: str, errors: list[FieldError]) -> str | None:
    """Check a name for people; what is wrong with it goes to `errors`."""
    name = text.strip()
    if len(name) > MAX_NAME:
        detail = f"{len(name)} characters, at most {MAX_NAME}"
        errors.append(FieldError("/name", "too-long", detail))
    if any(unicodedata.category(character).startswith("C") for character in name):
        errors.append(FieldError("/name", "unprintable", "has control characters"))
    return name or None


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
