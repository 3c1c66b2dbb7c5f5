"""JSON without the ambiguities that parsers disagree on."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from shared.errors import MalformedJson

_MAX_DEPTH = 20  # ours need three


def parse_object(text: str, what: str) -> dict[str, Any]:
    """Parse a JSON object; a key given twice and NaN or Infinity are errors.

    Args:
        text: The JSON.
        what: What to call it to whoever sent it.

    Raises:
        MalformedJson: It is not such an object.
    """
    try:
        value = json.loads(
            text, object_pairs_hook=_without_repeats, parse_constant=_not_a_number
        )
    except json.JSONDecodeError as error:
        raise MalformedJson(
            f"{what}: {error.msg} in line {error.lineno}, column {error.colno}"
        ) from error
    except RecursionError as error:
        raise MalformedJson(f"{what}: nested far too deeply") from error
    except ValueError as error:
        raise MalformedJson(f"{what}: {error}") from error
    if not isinstance(value, dict):
        raise MalformedJson(f'{what}: must be a JSON object, such as {{"name": 512}}')
    if _deeper_than(value, _MAX_DEPTH):
        raise MalformedJson(f"{what}: nested deeper than {_MAX_DEPTH} levels")
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


def _deeper_than(value: object, levels: int) -> bool:
    if isinstance(value, dict):
        inner = list(value.values())
    elif isinstance(value, list):
        inner = value
    else:
        return False
    return levels == 0 or any(_deeper_than(one, levels - 1) for one in inner)
