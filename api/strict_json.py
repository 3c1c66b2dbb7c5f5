"""JSON without the ambiguities that parsers disagree on."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from shared.errors import MalformedJson

JSON = "application/json"

_MAX_DEPTH = 20  # ours need three


def parse_object(text: str, field: str, example: str) -> dict[str, Any]:
    """Parse a JSON object; a key given twice and NaN or Infinity are errors.

    Args:
        text: The JSON.
        field: Where it stands, for the message.
        example: Of such an object, for the message.

    Raises:
        MalformedJson: It is not such an object.
    """
    value = _parse(text, field)
    if not isinstance(value, dict):
        raise MalformedJson(f"{field}: must be a JSON object, such as {example}")
    return value


def parse_list(text: str, field: str, example: str) -> list[Any]:
    """Parse a JSON array, as `parse_object` does an object.

    Raises:
        MalformedJson: It is not such an array.
    """
    value = _parse(text, field)
    if not isinstance(value, list):
        raise MalformedJson(f"{field}: must be a JSON array, such as {example}")
    return value


def _parse(text: str, field: str) -> object:
    try:
        value: object = json.loads(
            text, object_pairs_hook=_without_repeats, parse_constant=_not_a_number
        )
    except json.JSONDecodeError as error:
        raise MalformedJson(
            f"{field}: {error.msg} in line {error.lineno}, column {error.colno}"
        ) from error
    except RecursionError as error:
        raise MalformedJson(f"{field}: nested far too deeply") from error
    except ValueError as error:
        raise MalformedJson(f"{field}: {error}") from error
    if _deeper_than(value, _MAX_DEPTH):
        raise MalformedJson(f"{field}: nested deeper than {_MAX_DEPTH} levels")
    if "\\u" in text and not _is_text(value):
        raise MalformedJson(f"{field}: half of a surrogate pair, which is no character")
    return value


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, value in pairs:
        if name in made:
            raise ValueError(f"{name!r} is given twice")
        made[name] = value
    return made


def _not_a_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number in JSON")


def _is_text(value: object) -> bool:
    """Whether all of it can be written as UTF-8: an escape can name what cannot."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _deeper_than(value: object, levels: int) -> bool:
    if isinstance(value, dict):
        inner = list(value.values())
    elif isinstance(value, list):
        inner = value
    else:
        return False
    return levels == 0 or any(_deeper_than(one, levels - 1) for one in inner)
