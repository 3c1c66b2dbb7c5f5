"""Comparison of two pictures of one job: equal bytes, or PSNR and reasons."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_WHITE = 255


@dataclass(frozen=True, slots=True)
class Comparison:
    """Comparison of a reproduced picture to the original.

    Attributes:
        equal: True if the files have the same bytes.
        psnr_db: PSNR of the colors in 8 bits; infinite for equal colors, None if the
            original is not available or has another size.
        reasons: Reasons why the bytes may differ.
    """

    equal: bool
    psnr_db: float | None = None
    reasons: tuple[str, ...] = ()

    def summary(self) -> str:
        """Return the result in one line."""
        if self.equal:
            return "bit-equal"
        if self.psnr_db is None:
            return "not bit-equal; the first picture is not at hand for a comparison"
        if math.isinf(self.psnr_db):
            return "the same pixels, in a file with other bytes"
        return f"not bit-equal: PSNR {self.psnr_db:.1f} dB"


def measure_psnr_db(path: Path, other_path: Path) -> float | None:
    """Return the PSNR of the colors of two pictures; None if their sizes differ."""
    from PIL import Image, ImageChops, ImageStat  # noqa: PLC0415 - loads slowly

    with Image.open(path) as first, Image.open(other_path) as second:
        if first.size != second.size:
            return None
        difference = ImageChops.difference(first.convert("RGB"), second.convert("RGB"))
    statistics = ImageStat.Stat(difference)
    squares = sum(statistics.sum2) / sum(statistics.count)
    return math.inf if squares == 0 else 10 * math.log10(_WHITE**2 / squares)


def describe_differences(
    original: Mapping[str, str], reproduced: Mapping[str, str]
) -> list[str]:
    """Return a line for each entry of `made_with` that differs."""
    return [
        f"{name}: {original.get(name, 'unknown')} then, "
        f"{reproduced.get(name, 'unknown')} now"
        for name in dict.fromkeys((*original, *reproduced))
        if original.get(name) != reproduced.get(name)
    ]
