"""Names for people, of jobs and API keys: length and allowed characters."""

from __future__ import annotations

import unicodedata
from typing import Annotated

from pydantic import AfterValidator, StringConstraints
from pydantic_core import PydanticCustomError

MAX_NAME = 200  # characters

# Unicode categories of invisible characters: controls, formats such as U+202E, which
# shows a text from right to left, surrogates, private use, unassigned.
_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn"}
# Format characters that scripts and emoji need: joiners, and the tags of flags.
_JOINERS = {"\u200c", "\u200d", *map(chr, range(0xE0020, 0xE0080))}


def require_printable(text: str) -> str:
    """Return a text for people, after a check for control and format characters.

    Raises:
        PydanticCustomError: The text has such a character.
    """
    for character in text:
        category = unicodedata.category(character)
        if category in _INVISIBLE and character not in _JOINERS:
            code = f"U+{ord(character):04X}"
            detail = f"must have no control or format characters, as {code}"
            raise PydanticCustomError("unprintable", detail)
    return text


def _printable(name: str | None) -> str | None:
    return require_printable(name) if name else None


# Name for people, without outer spaces; None if it is empty.
Name = Annotated[
    Annotated[str, StringConstraints(strip_whitespace=True, max_length=MAX_NAME)]
    | None,
    AfterValidator(_printable),
]
