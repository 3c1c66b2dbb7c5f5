"""Masks: divide an image into regions, each with its styles.

This is the spatial control of Gatys et al. (2017), "Controlling perceptual factors in
neural style transfer", section 5.1, with guided Gram matrices. There are three
departures: masks are feathered, overlaps are divided, and the gradient at a position
does not depend on the size of its region.
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

_MIN_AREA = 1e-6  # smallest region, as a share of the picture
_BLUR_PASSES = 2  # box blurs, which turn a hard edge into a smooth one


@dataclass(frozen=True, slots=True)
class StyleRegion:
    """Region of the image, and the styles that it gets.

    Attributes:
        mask: Degree to which each pixel belongs to the region, (1, 1, H, W) in [0, 1];
            None for the whole image.
        style_weights: Weight of each style in it, by index.
        strength: Factor of the region's loss, relative to other regions.
    """

    mask: Tensor | None
    style_weights: dict[int, float]
    strength: float

    @property
    def area(self) -> float:
        """Area as a share of the picture, 0 to 1."""
        return 1.0 if self.mask is None else float(self.mask.mean())


def divide_into_regions(
    masks: Sequence[Tensor | None], weights: Sequence[float], size: Size, feather: float
) -> list[StyleRegion]:
    """Divide an image into regions by the masks of its styles.

    Every style with a mask gets its own region, whose strength is the style's weight.
    The other styles are blended in the rest of the image. Empty regions are left out.

    Args:
        masks: Mask per style, (1, 1, any, any) in [0, 1], or None.
        weights: Weights of the styles.
        size: Height and width of the image, px.
        feather: Radius of the feathering, as a share of the long side.
    """
    radius = round(feather * max(size))
    feathered, unmasked = {}, {}
    for index, (mask, weight) in enumerate(zip(masks, weights, strict=True)):
        if mask is None:
            unmasked[index] = weight
        else:
            feathered[index] = feather_mask(resize_mask(mask, size), radius)
    if not feathered:
        return [StyleRegion(None, unmasked, 1.0)]
    total = sum(feathered.values(), start=next(iter(feathered.values())).new_zeros(()))
    divisor = total.clamp(min=1)
    regions = [
        StyleRegion(mask / divisor, {i: 1.0}, weights[i])
        for i, mask in feathered.items()
    ]
    if unmasked:
        regions.append(StyleRegion((1 - total).clamp_(min=0), unmasked, 1.0))
    return [region for region in regions if region.area > _MIN_AREA]


def compute_spatial_weights(mask: Tensor | None, size: Size) -> SpatialWeights:
    """Compute the weights of the positions of a feature map; their sum is 1, or 0.

    Args:
        mask: Region of the image, (1, 1, H, W); None for the whole image.
        size: Height and width of the feature map.
    """
    if mask is None:
        return 1 / (size[0] * size[1])
    weights = F.adaptive_avg_pool2d(mask, size)
    return weights / weights.sum().clamp(min=_MIN_AREA)


def resize_mask(mask: Tensor, size: Size) -> Tensor:
    """Resample a mask, (1, 1, h, w), to (1, 1, *size), clamped to [0, 1]."""
    if mask.shape[2:] == size:
        return mask
    return F.interpolate(
        mask, size, mode="bilinear", align_corners=False, antialias=True
    ).clamp_(0, 1)


def feather_mask(mask: Tensor, radius: int) -> Tensor:
    """Blur a mask over `radius` px to either side of its edges."""
    half = min(radius // _BLUR_PASSES, min(mask.shape[2:]) - 1)
    for _ in range(_BLUR_PASSES if half > 0 else 0):
        mask = F.pad(mask, (half, half, half, half), "replicate")
        mask = F.avg_pool2d(mask, (2 * half + 1, 1), 1)
        mask = F.avg_pool2d(mask, (1, 2 * half + 1), 1)
    return mask
