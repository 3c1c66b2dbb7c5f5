"""What goes into a picture's file beside its pixels."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mark:
    """What a file says of its pixels.

    Attributes:
        profile: The ICC profile that its numbers are in.
        is_srgb: Whether that is sRGB.
        recipe: JSON in ASCII; None: nothing is told.
    """

    profile: bytes
    is_srgb: bool
    recipe: str | None
