"""Which style goes where: masks, faded at their edges, and what they leave to others.

Spatial control of Gatys et al. (2017), "Controlling perceptual factors in neural style
transfer", section 5.1, with guided Gram matrices. Departures: masks fade, overlaps are
shared out, and a region pulls at a position as hard as it would if it were the whole
picture, however small it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch.nn import functional as F

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from worker.engine.images.pyramid import Size
    from worker.engine.losses.statistics import SpatialWeights

_NOTHING = 1e-6  # of a picture, as a share of its pixels
_PASSES = 2  # of a box blur: a straight edge becomes a smooth one


@dataclass(frozen=True, slots=True)
class StyleRegion:
    """A part of the picture, and the styles it is given.

    Attributes:
        place: How much each pixel belongs to it, (1, 1, H, W) in [0, 1]; None: all do.
        blend: Weight of each style in it, by index.
        strength: Over that of other regions.
    """

    mask: Tensor | None
    style_weights: dict[int, float]
    strength: float

    @property
    def area(self) -> float:
        """Its share of the picture, 0 to 1."""
        return 1.0 if self.mask is None else float(self.mask.mean())


def divide_into_regions(
    masks: Sequence[Tensor | None], weights: Sequence[float], size: Size, feather: float
) -> list[StyleRegion]:
    """Divide a picture among its styles.

    Every style with a mask gets a region of its own, in which its weight is a strength.
    The others are blended in what the masks leave. Empty regions are left out.

    Args:
        masks: One per style, (1, 1, any, any) in [0, 1], or None.
        weights: Of the styles.
        size: Height and width, px.
        feather: How far masks fade, as a share of the long side.
    """
    radius = round(feather * max(size))
    placed, rest = {}, {}
    for index, (mask, weight) in enumerate(zip(masks, weights, strict=True)):
        if mask is None:
            rest[index] = weight
        else:
            placed[index] = feather_mask(resize_mask(mask, size), radius)
    if not placed:
        return [StyleRegion(None, rest, 1.0)]
    total = sum(placed.values(), start=next(iter(placed.values())).new_zeros(()))
    over = total.clamp(min=1)
    regions = [
        StyleRegion(each / over, {i: 1.0}, weights[i]) for i, each in placed.items()
    ]
    if rest:
        regions.append(StyleRegion((1 - total).clamp_(min=0), rest, 1.0))
    return [region for region in regions if region.area > _NOTHING]


def compute_spatial_weights(place: Tensor | None, size: Size) -> SpatialWeights:
    """How much each position of a feature map counts; sums to 1, or to 0 if nowhere.

    Args:
        place: A region of the picture, (1, 1, H, W), or None for all of it.
        size: Of the feature map.
    """
    if place is None:
        return 1 / (size[0] * size[1])
    seen = F.adaptive_avg_pool2d(place, size)
    return seen / seen.sum().clamp(min=_NOTHING)


def resize_mask(mask: Tensor, size: Size) -> Tensor:
    """Resample a mask, (1, 1, h, w), to (1, 1, *size), inside [0, 1]."""
    if mask.shape[2:] == size:
        return mask
    return F.interpolate(
        mask, size, mode="bilinear", align_corners=False, antialias=True
    ).clamp_(0, 1)


def feather_mask(mask: Tensor, radius: int) -> Tensor:
    """Blur a mask over `radius` px to either side of its edges."""
    half = min(radius // _PASSES, min(mask.shape[2:]) - 1)
    for _ in range(_PASSES if half > 0 else 0):
        mask = F.pad(mask, (half, half, half, half), "replicate")
        mask = F.avg_pool2d(mask, (2 * half + 1, 1), 1)
        mask = F.avg_pool2d(mask, (1, 2 * half + 1), 1)
    return mask
