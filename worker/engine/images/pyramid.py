"""Image pyramid: the inputs resized for each scale, coarse to fine."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch.nn import functional as F

from worker.engine.images.tiling import GRID_PX

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor

    from worker.engine.images.inputs import Style, TransferInputs

Size = tuple[int, int]

_KERNEL_REACH = 2  # px that a bicubic kernel reaches to either side


@dataclass(frozen=True, slots=True)
class PyramidScale:
    """One scale of the pyramid, with its images.

    Attributes:
        index: Index of the scale, from 0, small to large.
        content: Photo, (1, 3, H, W), with the long side of the scale.
        styles: Style images; their long side is that of the scale times style_scale.
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
    inputs: TransferInputs,
    sides: Sequence[int],
    first: int,
    style_scale: float = 1.0,
    *,
    seamless: bool = False,
) -> Iterator[PyramidScale]:
    """Build the scales one by one, each from the original images.

    Args:
        inputs: Images of any size; masks and labels are not resized.
        sides: Long side per scale, px, small to large.
        first: Index of the scale to begin with.
        style_scale: Long side of the styles, divided by that of the scale, as in
            jcjohnson's neural-style: above 1 the strokes get larger.
        seamless: Whether opposite edges of the content meet.
    """
    for index, side in enumerate(sides[first:], first):
        style_side = round(side * style_scale)
        size = fit_size(inputs.content, side, seamless=seamless)
        content = resize(inputs.content, size, wraps=seamless)
        styles = tuple(_resize_style(style, style_side) for style in inputs.styles)
        yield PyramidScale(index, content, styles, inputs.labels)


def _resize_style(style: Style, side: int) -> Style:
    return replace(style, image=resize(style.image, fit_size(style.image, side)))


def fit_size(image: Tensor, side: int, *, seamless: bool = False) -> Size:
    """Compute (height, width) of `image` at a long side of `side` px; at least 1.

    For a seamless image, `side` is rounded down to a multiple of GRID_PX, and the
    short side to the nearest multiple, at least GRID_PX.
    """
    height, width = image.shape[2:]
    longest = max(height, width)
    if not seamless:
        return (
            max(1, round(height * side / longest)),
            max(1, round(width * side / longest)),
        )
    steps = max(1, side // GRID_PX)
    return (
        max(1, round(height * steps / longest)) * GRID_PX,
        max(1, round(width * steps / longest)) * GRID_PX,
    )


def resize(image: Tensor, size: Size, *, wraps: bool = False) -> Tensor:
    """Resample to (height, width), antialiased and bicubic, clamped to [0, 1].

    The kernel is part of the objective: another kernel changes the targets, and so the
    loss of the same picture. If the image `wraps`, the kernel continues at the opposite
    edge.
    """
    if image.shape[2:] == size:
        return image
    if wraps:
        for dim in (2, 3):
            image = _resize_side_wrapped(image, dim, size[dim - 2])
        return image.clamp_(0, 1)
    resized = F.interpolate(
        image, size, mode="bicubic", align_corners=False, antialias=True
    )
    return resized.clamp_(0, 1)  # bicubic overshoots at edges


def _resize_side_wrapped(image: Tensor, dim: int, new: int) -> Tensor:
    """Resample one side, padded by pixels that become whole ones and are cut off."""
    old = image.shape[dim]
    unit = old // math.gcd(old, new)
    reach = math.ceil(_KERNEL_REACH * max(1, old / new)) + 1
    padding = math.ceil(reach / unit) * unit
    index = torch.arange(-padding, old + padding, device=image.device) % old
    padded = image.index_select(dim, index)
    margin = padding * new // old
    size = list(padded.shape[2:])
    size[dim - 2] = new + 2 * margin
    resized = F.interpolate(
        padded, size, mode="bicubic", align_corners=False, antialias=True
    )
    return resized.narrow(dim, margin, new).contiguous()


def enlarge_with_detail(
    image: Tensor, guide: Tensor | None, size: Size, *, wraps: bool = False
) -> Tensor:
    """Enlarge `image` for the next scale, adding the fine detail of `guide`.

    An enlarged image has no frequencies between those of the two scales, and an
    optimizer needs many of the most expensive iterations to add them. They are taken
    from the Laplacian pyramid (Burt & Adelson, 1983) of the guide.

    Args:
        image: Image, (1, C, h, w) in [0, 1].
        guide: Source of detail, (1, C, H, W), of any size; None to enlarge only.
        size: Height and width of the result, px.
        wraps: Whether opposite edges of the image meet.
    """
    enlarged = resize(image, size, wraps=wraps)
    if guide is None:
        return enlarged
    fine_guide = resize(guide, size, wraps=wraps)
    coarse_size = image.shape[2], image.shape[3]
    coarse_guide = resize(fine_guide, coarse_size, wraps=wraps)
    coarse_guide = resize(coarse_guide, size, wraps=wraps)
    return (enlarged + fine_guide).sub_(coarse_guide).clamp_(0, 1)
