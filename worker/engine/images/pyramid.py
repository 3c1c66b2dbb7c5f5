"""Image pyramid: the inputs resized for each scale, coarse to fine."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from torch.nn import functional as F

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor

    from worker.engine.images.inputs import Style, TransferInputs

Size = tuple[int, int]


@dataclass(frozen=True, slots=True)
class PyramidScale:
    """One scale of the pyramid, with its images.

    Attributes:
        index: Index from 0, small to large.
        content: (1, 3, H, W), its long side that of the scale.
        styles: Style images, their long side that of the scale times style_scale.
        labels: Labels of the content, as in `TransferInputs`.
    """

    index: int
    content: Tensor
    styles: tuple[Style, ...]
    labels: Tensor | None = None

    @property
    def size(self) -> Size:
        """Height and width, px."""
        return self.content.shape[2], self.content.shape[3]


def build_scales(
    inputs: TransferInputs, sides: Sequence[int], first: int, style_scale: float = 1.0
) -> Iterator[PyramidScale]:
    """Build the scales one by one, each from the original images.

    Args:
        inputs: Images of any size; masks and labels are not resized.
        sides: Long side per scale, px, small to large.
        first: Index of the scale to begin with.
        style_scale: Long side of the styles over that of the scale. jcjohnson's
            neural-style has it, too: above 1 the strokes get larger.
    """
    for index, side in enumerate(sides[first:], first):
        style_side = round(side * style_scale)
        content = resize(inputs.content, fit_size(inputs.content, side))
        styles = tuple(_resize_style(style, style_side) for style in inputs.styles)
        yield PyramidScale(index, content, styles, inputs.labels)


def _resize_style(style: Style, side: int) -> Style:
    return replace(style, image=resize(style.image, fit_size(style.image, side)))


def fit_size(image: Tensor, side: int) -> Size:
    """Compute (height, width) of `image` at a long side of `side` px; at least 1."""
    height, width = image.shape[2:]
    longest = max(height, width)
    return max(1, round(height * side / longest)), max(1, round(width * side / longest))


def resize(image: Tensor, size: Size) -> Tensor:
    """Resample to (height, width), antialiased and bicubic, inside [0, 1].

    The kernel is part of the objective: another one moves the targets, and with them
    the loss of one and the same picture.
    """
    if image.shape[2:] == size:
        return image
    resized = F.interpolate(
        image, size, mode="bicubic", align_corners=False, antialias=True
    )
    return resized.clamp_(0, 1)  # bicubic overshoots at edges


def enlarge_with_detail(image: Tensor, guide: Tensor | None, size: Size) -> Tensor:
    """Enlarge `image` for the next scale, adding the fine detail of `guide`.

    The frequency band between the two scales is empty in an enlarged image, and an
    optimizer needs many of the most expensive iterations to fill it. The Laplacian
    pyramid (Burt & Adelson, 1983) of the guide provides it.

    Args:
        image: (1, C, h, w) in [0, 1].
        guide: Source of detail, (1, C, H, W), of any size; None: enlarge only.
        size: Height and width of the result, px.
    """
    enlarged = resize(image, size)
    if guide is None:
        return enlarged
    fine_guide = resize(guide, size)
    coarse_guide = resize(resize(fine_guide, (image.shape[2], image.shape[3])), size)
    return (enlarged + fine_guide).sub_(coarse_guide).clamp_(0, 1)
