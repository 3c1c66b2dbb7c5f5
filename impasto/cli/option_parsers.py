"""Parsers of option values that are more than a word or a number."""

from __future__ import annotations

import json
import math
from pathlib import Path
from stat import S_ISREG
from typing import TYPE_CHECKING

from impasto.errors import InvalidOption

if TYPE_CHECKING:
    from collections.abc import Iterable

_STYLES_PREFIX = "styles="


def parse_schedule(text: str) -> list[list[int]]:
    """Parse `128:60,256:30` as [[long side in px, iterations], ...].

    Raises:
        InvalidOption: It is written in another way.
    """
    usage = "write SIDE:ITERATIONS,... like 128:60,256:30"
    try:
        scales = [[int(part) for part in item.split(":")] for item in text.split(",")]
    except ValueError as error:
        raise _invalid_option("schedule", text, usage) from error
    if any(len(scale) != 2 for scale in scales):  # noqa: PLR2004 - a pair
        raise _invalid_option("schedule", text, usage)
    return scales


def parse_param(text: str) -> tuple[str, object]:
    """Parse `KEY=JSON`.

    Raises:
        InvalidOption: It is written in another way.
    """
    key, separator, value = text.partition("=")
    try:
        return key, parse_json(value if separator else "")
    except ValueError as error:
        usage = "write KEY=JSON, like tv_weight=0.1 or init='\"noise\"'"
        raise _invalid_option("set", text, usage) from error


def parse_json(text: str) -> object:
    """Parse JSON, without the NaN and Infinity that Python adds.

    Raises:
        ValueError: The text is no JSON, or has a number that is not finite.
    """
    value: object = json.loads(text)
    json.dumps(value, allow_nan=False)  # also finds 1e999
    return value


def parse_layers(option: str, text: str) -> dict[str, float]:
    """Parse `relu4_2,relu3_1=0.5` as weights by layer; 1 where none is given.

    Raises:
        InvalidOption: It is written in another way, or names a layer twice.
    """
    usage = "write LAYER=WEIGHT,... like relu4_2,relu3_1=0.5"
    return _parse_numbers(option, text, text, usage, default=1)


def parse_segment(text: str) -> dict[str, object]:
    """Parse `120:style_weight=20,styles=1/3` as a segment of a job.

    Raises:
        InvalidOption: It is written in another way, or names a parameter twice.
    """
    usage = "write ITERATION:NAME=NUMBER,... like 120:style_weight=20,styles=1/3"
    iteration, separator, listed = text.partition(":")
    if not separator or not iteration.strip().isdecimal():
        raise _invalid_option("steer", text, usage)
    items = listed.split(",")
    styles = [item for item in items if item.strip().startswith(_STYLES_PREFIX)]
    numbers = [item for item in items if item not in styles]
    changes: dict[str, object] = {}
    if numbers:
        listed = ",".join(numbers)
        changes |= _parse_numbers("steer", text, listed, usage, default=None)
    if styles:
        changes["styles"] = _parse_style_weights(text, styles, usage)
    return {"from_iteration": int(iteration), "changes": changes}


def parse_numbered_files(
    option: str, texts: Iterable[str], count: int
) -> dict[int, Path]:
    """Parse `N=FILE`, N from 1 to `count`, as files by index from 0.

    Raises:
        InvalidOption: It is written in another way, there is no such style or file, or
            a style has two.
    """
    files: dict[int, Path] = {}
    for text in texts:
        number, separator, name = text.partition("=")
        if not separator or not number.strip().isdecimal():
            raise _invalid_option(
                option, text, "write N=FILE, like 1=sky.png for the first STYLE"
            )
        index = int(number) - 1
        if not 0 <= index < count:
            raise _invalid_option(
                option, text, f"STYLEs are counted from 1, and there are {count}"
            )
        if index in files:
            raise _invalid_option(option, text, f"STYLE {number} has one already")
        if problem := file_problem(Path(name)):
            raise _invalid_option(option, text, f"file {name!r} {problem}")
        files[index] = Path(name)
    return files


def file_problem(path: Path) -> str:
    """Return why a picture cannot be read from `path`; empty if it is a file."""
    try:
        mode = path.stat().st_mode
    except OSError:  # as for a name that is too long
        return "does not exist"
    return "" if S_ISREG(mode) else "is not a regular file"


def _parse_style_weights(
    text: str, assignments: list[str], usage: str
) -> list[dict[str, float]]:
    """Parse `styles=1/3` as a weight for each style, in their order."""
    if len(assignments) > 1:
        raise _invalid_option("steer", text, "styles is given twice")
    _, _, values = assignments[0].partition("=")
    weights = [_parse_number(value) for value in values.split("/")]
    styles = [{"weight": weight} for weight in weights if weight is not None]
    if len(styles) != len(weights):
        raise _invalid_option("steer", text, usage)
    return styles


def _parse_numbers(
    option: str, text: str, listed: str, usage: str, *, default: int | None
) -> dict[str, float]:
    """Parse `NAME=NUMBER,...` from `listed`; `text` is the whole value, for errors."""
    numbers: dict[str, float] = {}
    for item in listed.split(","):
        name, separator, value = (part.strip() for part in item.partition("="))
        number = _parse_number(value) if separator else default
        if number is None or not name:
            raise _invalid_option(option, text, usage)
        if name in numbers:
            raise _invalid_option(option, text, f"{name} is given twice")
        numbers[name] = number
    return numbers


def _parse_number(text: str) -> float | None:
    """Parse a finite number, or return None; a whole number stays an int."""
    try:
        return int(text)
    except ValueError:
        pass
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _invalid_option(option: str, text: str, reason: str) -> InvalidOption:
    return InvalidOption(f"--{option} {text!r}: {reason}")
