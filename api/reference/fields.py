"""The members of an object, one row each, with those of what they hold."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from api.openapi.examples import resolve_reference
from api.reference.kinds import describe_type, inner_object

if TYPE_CHECKING:
    from collections.abc import Iterator

_LONGEST_DEFAULT = 60  # longer ones are those of the members inside


@dataclass(frozen=True, slots=True)
class Field:
    """A parameter, a header, or a member of a body.

    Attributes:
        name: As it is written.
        kind: Type of the field, in words.
        about: Meaning of the field.
        is_required: Whether it must be there.
        default: As JSON; None if there is none, or it is of no use to be told.
        example: As it would be sent, if it says more than the kind.
        inner: Members, if it is an object or a list of such.
        inner_name: What those are together.
    """

    name: str
    kind: str
    about: str
    is_required: bool = False
    default: str | None = None
    example: str = ""
    inner: tuple[Field, ...] = ()
    inner_name: str = ""


def describe_field(
    schemas: dict[str, Any],
    name: str,
    schema: dict[str, Any],
    *,
    is_required: bool,
    about: str = "",
) -> Field:
    """Describe one value; `about` counts less than what its schema says."""
    whole, inner = resolve_reference(schemas, schema), inner_object(schemas, schema)
    default = json.dumps(whole["default"]) if "default" in whole else "null"
    is_worth_it = default != "null" and len(default) <= _LONGEST_DEFAULT
    return Field(
        name,
        describe_type(schemas, schema),
        whole.get("description", about),
        is_required,
        default if is_worth_it and "const" not in whole else None,
        inner=describe_members(schemas, inner) if inner else (),
        inner_name=inner.get("title", "") if inner else "",
    )


def describe_members(
    schemas: dict[str, Any], schema: dict[str, Any]
) -> tuple[Field, ...]:
    """Describe the members of an object; `mask_0`, `mask_1`, ... only once."""
    required = schema.get("required", ())
    return tuple(
        describe_field(schemas, name, each, is_required=name in required)
        for name, each in _without_numbered_repeats(schema.get("properties", {}))
    )


def _without_numbered_repeats(
    properties: dict[str, Any],
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Members, with those that differ by a number alone taken together."""
    for name, schema in properties.items():
        stem, number = re.fullmatch(r"(.*?)(\d*)", name).groups()  # type: ignore[union-attr] # it matches all
        if f"{stem}0" not in properties or not number:
            yield name, schema
        elif number == "0":
            count = sum(bool(re.fullmatch(rf"{stem}\d+", one)) for one in properties)
            about = schema.get("description", "").replace(" 0", " n")
            yield f"{stem}0 ... {stem}{count - 1}", {**schema, "description": about}
