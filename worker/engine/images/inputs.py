"""Input images of a style transfer, as tensors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Style:
    """Style image with its masks.

    Attributes:
        image: Image, (1, 3, h, w), RGB in [0, 1], of any size.
        mask: Part of the result that gets the style, (1, 1, any, any) in [0, 1],
            stretched over the content; None for the part without masks.
        region: Part of the style image that is used, (1, 1, any, any) in [0, 1],
            stretched over the image; None for all of it.
        labels: Number of each pixel's label, (1, 1, any, any), uint8 on the CPU,
            stretched over the image; None for no labels.
    """

    image: Tensor
    mask: Tensor | None = None
    region: Tensor | None = None
    labels: Tensor | None = None


@dataclass(frozen=True, slots=True)
class TransferInputs:
    """Input images of one style transfer.

    Attributes:
        content: Photo, (1, 3, H, W), RGB in [0, 1], of any size.
        styles: Style images, as many as in params.styles.
        start: Start image for init "image", (1, 3, any, any); stretched to the
            content's shape.
        labels: Number of each pixel's label in the content, as in `Style`.
    """

    content: Tensor
    styles: tuple[Style, ...]
    start: Tensor | None = None
    labels: Tensor | None = None
