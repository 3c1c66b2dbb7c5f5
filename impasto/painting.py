"""A painting that a job takes its style from, and where that goes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Painting:
    """One style picture.

    Attributes:
        path: The picture.
        mask: A picture of the photo's shape, bright where the style goes; None:
            everywhere that the masks of other paintings leave.
        region: One of the painting's shape, bright where the style is taken from.
    """

    path: Path
    mask: Path | None = None
    region: Path | None = None
