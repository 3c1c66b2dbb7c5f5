"""The pictures of one style transfer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Style:
    """One painting, and where it goes.

    Attributes:
        image: (1, 3, h, w), RGB in [0, 1], any size.
        mask: Where in the result it goes, (1, 1, any, any) in [0, 1], stretched over
            the content; None: wherever no mask is.
        region: What of the painting counts, (1, 1, any, any) in [0, 1], stretched over
            it; None: all.
    """

    image: Tensor
    mask: Tensor | None = None
    region: Tensor | None = None


@dataclass(frozen=True, slots=True)
class TransferInputs:
    """All pictures that a run begins with.

    Attributes:
        content: (1, 3, H, W), RGB in [0, 1], any size.
        styles: As many as params.styles.
        start: The picture of init "image", (1, 3, any, any); stretched to the
            content's shape.
    """

    content: Tensor
    styles: tuple[Style, ...]
    start: Tensor | None = None
