"""Flags whose values are more than a word or a number, as text to be read."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING

from impasto.errors import BadFlag

if TYPE_CHECKING:
    from collections.abc import Iterable

_BLEND = "styles="


def read_schedule(text: str) -> list[list[int]]:
    """Read `128:60,256:30` as [[long side in px, iterations], ...].

    Raises:
        BadFlag: It is written in another way.
    """
    usage = "write SIDE:ITERATIONS,... like 128:60,256:30"
    try:
        stages = [[int(part) for part in each.split(":")] for each in text.split(",")]
    except ValueError as error:
        raise _bad("schedule", text, usage) from error
    if any(len(stage) != 2 for stage in stages):  # noqa: PLR2004 - a pair
        raise _bad("schedule", text, usage)
    return stages


def read_setting(text: str) -> tuple[str, object]:
    """Read `KEY=JSON`.

    Raises:
        BadFlag: It is written in another way.
    """
    key, found, value = text.partition("=")
    try:
        return key, json.loads(value if found else "")
    except ValueError as error:
        usage = "write KEY=JSON, like tv_weight=0.1 or init='\"noise\"'"
        raise _bad("set", text, usage) from error


def read_layers(flag: str, text: str) -> dict[str, float]:
    """Read `relu4_2,relu3_1=0.5` as weights by layer; 1 where none is given.

    Raises:
        BadFlag: It is written in another way, or names a layer twice.
    """
    usage = "write LAYER=WEIGHT,... like relu4_2,relu3_1=0.5"
    return _numbers(flag, text, text, usage, default=1)


def read_segment(text: str) -> dict[str, object]:
    """Read `120:style_weight=20,styles=1/3` as a segment of a job.

    Raises:
        BadFlag: It is written in another way, or names a parameter twice.
    """
    usage = "write ITERATION:NAME=NUMBER,... like 120:style_weight=20,styles=1/3"
    beginning, found, changes = text.partition(":")
    if not found or not beginning.strip().isdecimal():
        raise _bad("steer", text, usage)
    styles = [each for each in changes.split(",") if each.strip().startswith(_BLEND)]
    others = [each for each in changes.split(",") if each not in styles]
    found_changes: dict[str, object] = {}
    if others:
        listed = ",".join(others)
        found_changes |= _numbers("steer", text, listed, usage, default=None)
    if styles:
        found_changes["styles"] = _blend(text, styles, usage)
    return {"from_iteration": int(beginning), "changes": found_changes}


def read_numbered(flag: str, texts: Iterable[str], count: int) -> dict[int, Path]:
    """Read `N=FILE`, N from 1 to `count`, as files by index from 0.

    Raises:
        BadFlag: It is written in another way, there is no such style or file, or a
            style has two.
    """
    files: dict[int, Path] = {}
    for text in texts:
        number, found, name = text.partition("=")
        if not found or not number.strip().isdecimal():
            raise _bad(flag, text, "write N=FILE, like 1=sky.png for the first STYLE")
        index = int(number) - 1
        if not 0 <= index < count:
            raise _bad(flag, text, f"STYLEs are counted from 1, and there are {count}")
        if index in files:
            raise _bad(flag, text, f"STYLE {number} has one already")
        if not Path(name).is_file():
            raise _bad(flag, text, f"there is no file {name!r}")
        files[index] = Path(name)
    return files


def _blend(text: str, styles: list[str], usage: str) -> list[dict[str, float]]:
    """Read `styles=1/3` as a weight for each style, in their order."""
    if len(styles) > 1:
        raise _bad("steer", text, "styles is given twice")
    weights = [_number(each) for each in styles[0].partition("=")[2].split("/")]
    known = [{"weight": weight} for weight in weights if weight is not None]
    if len(known) != len(weights):
        raise _bad("steer", text, usage)
    return known


def _numbers(
    flag: str, text: str, listed: str, usage: str, *, default: int | None
) -> dict[str, float]:
    numbers: dict[str, float] = {}
    for each in listed.split(","):
        name, found, value = (part.strip() for part in each.partition("="))
        number = _number(value) if found else default
        if number is None or not name:
            raise _bad(flag, text, usage)
        if name in numbers:
            raise _bad(flag, text, f"{name} is given twice")
        numbers[name] = number
    return numbers


def _number(text: str) -> float | None:
    """A whole number stays one: iterations are."""
    try:
        return int(text)
    except ValueError:
        pass
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _bad(flag: str, text: str, why: str) -> BadFlag:
    return BadFlag(f"--{flag} {text!r}: {why}")
