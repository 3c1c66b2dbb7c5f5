"""Periodic part of an image, whose opposite edges fit together.

The method is that of L. Moisan, "Periodic plus smooth image decomposition" (Journal of
Mathematical Imaging and Vision 39, 2011): a smooth image is subtracted that has the
same differences between opposite edges, so that only they change much.
"""

from __future__ import annotations

from math import pi
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor


def periodic_part(image: Tensor) -> Tensor:
    """Return the periodic part of an image, (1, 3, H, W), clamped to [0, 1]."""
    result = image.clone()
    for channel in result[0]:  # one by one, to save memory
        channel.sub_(_smooth_part(channel))
    return result.clamp_(0, 1)


def _smooth_part(channel: Tensor) -> Tensor:
    """Solve Poisson's equation for the differences between opposite edges, (H, W)."""
    height, width = channel.shape
    edges = torch.zeros_like(channel)
    rows, columns = channel[-1] - channel[0], channel[:, -1] - channel[:, 0]
    edges[0] += rows
    edges[-1] -= rows
    edges[:, 0] += columns
    edges[:, -1] -= columns
    laplacian = -4 * (
        _squared_sines(height, height, channel)[:, None]
        + _squared_sines(width // 2 + 1, width, channel)
    )
    laplacian[0, 0] = 1  # the mean of `edges` is 0
    spectrum = torch.fft.rfft2(edges) / laplacian
    smooth: Tensor = torch.fft.irfft2(spectrum, s=channel.shape)
    return smooth


def _squared_sines(count: int, size: int, like: Tensor) -> Tensor:
    steps = torch.arange(count, dtype=like.dtype, device=like.device)
    return torch.sin(pi / size * steps).square()
