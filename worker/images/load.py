"""Loading of pictures for the engine: sRGB in [0, 1], no larger than needed.

The result gets the alpha and, on request, the color profile of the photo:
docs/pictures.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image

from shared.images.inspect import convert_to_srgb, decode_with_alpha
from worker.engine.images.tensors import to_tensor
from worker.images.high_bit_depth import MAX_LEVEL, decode_high_bit_depth
from worker.images.icc import ProfileBroken, ProfileHasTables, read_profile, to_srgb

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from worker.images.high_bit_depth import HighBitDepthImage, Levels
    from worker.images.icc import Colors

_MAX_OF_8_BITS = 255


@dataclass(frozen=True, slots=True)
class Picture:
    """Decoded picture for the engine.

    Attributes:
        tensor: Colors in sRGB on white, of shape (1, 3, H, W).
        alpha: Alpha in [0, 1] of shape (H, W); None if nothing is transparent.
        profile: ICC profile of the file, or None.
    """

    tensor: Tensor
    alpha: NDArray[np.float32] | None
    profile: bytes | None


def read_picture(data: bytes, edge_px: int, device: torch.device) -> Picture:
    """Decode a stored picture and shrink it to a long side of `edge_px` at most.

    Raises:
        ImageUnreadable: The bytes are not a whole picture.
    """
    deep = decode_high_bit_depth(data)
    if deep is not None:
        return _from_sixteen_bits(deep, edge_px, device)
    decoded = decode_with_alpha(data)
    decoded.colors.thumbnail((edge_px, edge_px), Image.Resampling.LANCZOS)
    alpha = None
    if decoded.alpha is not None:
        alpha = _shrunk(_normalized(np.asarray(decoded.alpha), _MAX_OF_8_BITS), edge_px)
    return Picture(
        to_tensor(decoded.colors, device), _alpha_or_none(alpha), decoded.icc_profile
    )


def _from_sixteen_bits(
    deep: HighBitDepthImage, edge_px: int, device: torch.device
) -> Picture:
    alpha = None if deep.alpha is None else _normalized(deep.alpha, MAX_LEVEL)
    planes = [
        _shrunk(
            _on_white(_normalized(deep.levels[..., index], MAX_LEVEL), alpha), edge_px
        )
        for index in range(deep.levels.shape[2])
    ]
    colors = _to_srgb(np.stack(planes, axis=-1), deep.profile)
    tensor = torch.from_numpy(colors).permute(2, 0, 1)[None]  # (1, 3, H, W)
    shrunk_alpha = None if alpha is None else _shrunk(alpha, edge_px)
    return Picture(
        tensor.to(device).contiguous(), _alpha_or_none(shrunk_alpha), deep.profile
    )


def _normalized(levels: Levels | NDArray[np.uint8], of: int) -> NDArray[np.float32]:
    return np.divide(levels, of, dtype=np.float32)


def _on_white(
    plane: NDArray[np.float32], alpha: NDArray[np.float32] | None
) -> NDArray[np.float32]:
    """Blend a channel with white, which is 1 in every gray or three-color profile."""
    return plane if alpha is None else 1 - alpha * (1 - plane)


def _shrunk(plane: NDArray[np.float32], edge_px: int) -> NDArray[np.float32]:
    """Shrink a channel as Pillow shrinks pictures of 8 bits, but without rounding."""
    picture = Image.fromarray(plane)  # mode F
    picture.thumbnail((edge_px, edge_px), Image.Resampling.LANCZOS)
    return np.asarray(picture).clip(0, 1)  # LANCZOS overshoots at edges


def _alpha_or_none(alpha: NDArray[np.float32] | None) -> NDArray[np.float32] | None:
    return None if alpha is None or alpha.min() == 1 else alpha


def _to_srgb(colors: Colors, data: bytes | None) -> Colors:
    """Convert (H, W, 3) or gray (H, W, 1) to sRGB; ignore an unsuitable profile."""
    try:
        profile = read_profile(data) if data else None
    except ProfileBroken:
        profile = None
    except ProfileHasTables:
        return _to_srgb_by_tables(colors, data)
    if profile is not None and profile.channels == colors.shape[2]:
        return to_srgb(colors, profile)
    return np.broadcast_to(colors, (*colors.shape[:2], 3)).copy()


def _to_srgb_by_tables(colors: Colors, data: bytes | None) -> Colors:
    """Convert at 8 bits, the most that Pillow's Little CMS supports."""
    levels = np.rint(colors * _MAX_OF_8_BITS).astype(np.uint8)
    picture = Image.fromarray(levels[..., 0] if levels.shape[2] == 1 else levels)
    converted = convert_to_srgb(picture, data)
    return _normalized(np.asarray(converted), _MAX_OF_8_BITS)
