"""Coarse to fine: the pictures of each scale, made from the ones given."""

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
class Scale:
    """One size of the pyramid.

    Attributes:
        index: From 0, small to large.
        content: (1, 3, H, W), its long side that of the scale.
        styles: Their long sides that of the scale, or in proportion.
    """

    index: int
    content: Tensor
    styles: tuple[Style, ...]

    @property
    def size(self) -> Size:
        """Height and width, px."""
        return self.content.shape[2], self.content.shape[3]


def build_scales(
    sources: TransferInputs, sides: Sequence[int], first: int, style_scale: float = 1.0
) -> Iterator[Scale]:
    """Build the scales one by one, each from the original pictures.

    Args:
        sources: Pictures of any size; masks stay as they are.
        sides: Long side per scale, px, small to large.
        first: Index of the scale to begin with.
        style_scale: Long side of the styles over that of the scale. jcjohnson's
            neural-style: above 1 the strokes get larger.
    """
    for index, side in enumerate(sides[first:], first):
        style_side = round(side * style_scale)
        content = resize(sources.content, fit_size(sources.content, side))
        styles = tuple(_at(style, style_side) for style in sources.styles)
        yield Scale(index, content, styles)


def _at(style: Style, side: int) -> Style:
    return replace(style, image=resize(style.image, fit_size(style.image, side)))


def fit_size(image: Tensor, side: int) -> Size:
    """Height and width of `image` at a long side of `side` px; the short one >= 1."""
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
    """Take `image` to a larger scale, with the fine detail that `guide` has there.

    The band between the two scales is empty in a picture that was only enlarged, and
    an optimizer needs many of the dearest iterations to fill it. A Laplacian pyramid
    (Burt & Adelson, 1983) knows what belongs there.

    Args:
        image: (1, C, h, w) in [0, 1].
        guide: (1, C, H, W), of any size; None: enlarge only.
        size: Height and width of the result, px.
    """
    larger = resize(image, size)
    if guide is None:
        return larger
    there = resize(guide, size)
    coarse = resize(resize(there, (image.shape[2], image.shape[3])), size)
    return (larger + there).sub_(coarse).clamp_(0, 1)
