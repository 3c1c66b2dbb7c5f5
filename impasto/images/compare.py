"""Two pictures of one job: the same bits, or how far apart, and why."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_WHITE = 255


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a picture compares to the one it repeats.

    Attributes:
        equal: Whether the files have the same bytes.
        psnr_db: Of the colors, in 8 bits; infinite for equal ones, None where nobody
            has the first picture.
        reasons: Why the bytes may differ.
    """

    equal: bool
    psnr_db: float | None = None
    reasons: tuple[str, ...] = ()

    def told(self) -> str:
        """Say it in a line."""
        if self.equal:
            return "bit-equal"
        if self.psnr_db is None:
            return "not bit-equal; the first picture is not at hand for a comparison"
        if math.isinf(self.psnr_db):
            return "the same pixels, in a file with other bytes"
        return f"not bit-equal: PSNR {self.psnr_db:.1f} dB"


def psnr_db(one: Path, other: Path) -> float | None:
    """Measure how far the colors of two pictures are apart; None: other sizes."""
    from PIL import Image, ImageChops, ImageStat  # noqa: PLC0415 - an extra

    with Image.open(one) as first, Image.open(other) as second:
        if first.size != second.size:
            return None
        difference = ImageChops.difference(first.convert("RGB"), second.convert("RGB"))
    statistics = ImageStat.Stat(difference)
    squares = sum(statistics.sum2) / sum(statistics.count)
    return math.inf if squares == 0 else 10 * math.log10(_WHITE**2 / squares)


def differences(was: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Name what was different in the making."""
    return [
        f"{name}: {was.get(name, 'not told')} then, {now.get(name, 'not told')} now"
        for name in dict.fromkeys((*was, *now))
        if was.get(name) != now.get(name)
    ]
