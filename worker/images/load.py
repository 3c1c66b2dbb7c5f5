"""Stored pictures as the engine takes them: sRGB in [0, 1], no larger than needed.

What the photo had besides its colors is kept for the result. The rules, for people:
docs/pictures.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image

from shared.images.inspect import convert_to_srgb, decode_whole
from worker.engine.images.tensors import to_tensor
from worker.images.high_bit_depth import MAX_LEVEL, decode_deep
from worker.images.icc import ProfileBroken, ProfileHasTables, read_profile, to_srgb

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from worker.images.high_bit_depth import Deep, Levels
    from worker.images.icc import Colors

_MAX_OF_EIGHT = 255


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture for the engine.

    Attributes:
        tensor: (1, 3, H, W), its colors in sRGB, on white.
        alpha: (H, W) in [0, 1]; None where nothing is transparent.
        profile: The ICC profile it came with.
    """

    tensor: Tensor
    alpha: NDArray[np.float32] | None
    profile: bytes | None


def read_picture(data: bytes, edge_px: int, device: torch.device) -> Picture:
    """Decode a stored picture and shrink it to a long side of `edge_px` at most.

    Raises:
        ImageUnreadable: The bytes are not a whole picture.
    """
    deep = decode_deep(data)
    if deep is not None:
        return _from_sixteen_bits(deep, edge_px, device)
    whole = decode_whole(data)
    whole.colors.thumbnail((edge_px, edge_px), Image.Resampling.LANCZOS)
    alpha = None
    if whole.alpha is not None:
        alpha = _shrunk(_share(np.asarray(whole.alpha), _MAX_OF_EIGHT), edge_px)
    return Picture(to_tensor(whole.colors, device), _seen(alpha), whole.profile)


def _from_sixteen_bits(deep: Deep, edge_px: int, device: torch.device) -> Picture:
    alpha = None if deep.alpha is None else _share(deep.alpha, MAX_LEVEL)
    planes = [
        _shrunk(_on_white(_share(deep.levels[..., index], MAX_LEVEL), alpha), edge_px)
        for index in range(deep.levels.shape[2])
    ]
    colors = _in_srgb(np.stack(planes, axis=-1), deep.profile)
    tensor = torch.from_numpy(colors).permute(2, 0, 1)[None]  # (1, 3, H, W)
    small = None if alpha is None else _shrunk(alpha, edge_px)
    return Picture(tensor.to(device).contiguous(), _seen(small), deep.profile)


def _share(levels: Levels | NDArray[np.uint8], of: int) -> NDArray[np.float32]:
    return np.divide(levels, of, dtype=np.float32)


def _on_white(
    plane: NDArray[np.float32], alpha: NDArray[np.float32] | None
) -> NDArray[np.float32]:
    """White is 1 in every channel of every profile of gray or of three colors."""
    return plane if alpha is None else 1 - alpha * (1 - plane)


def _shrunk(plane: NDArray[np.float32], edge_px: int) -> NDArray[np.float32]:
    """Shrink one channel as Pillow does all three of 8 bits, but without rounding."""
    picture = Image.fromarray(plane)  # mode F
    picture.thumbnail((edge_px, edge_px), Image.Resampling.LANCZOS)
    return np.asarray(picture).clip(0, 1)  # LANCZOS overshoots at edges


def _seen(alpha: NDArray[np.float32] | None) -> NDArray[np.float32] | None:
    return None if alpha is None or alpha.min() == 1 else alpha


def _in_srgb(colors: Colors, data: bytes | None) -> Colors:
    """Convert (H, W, 3) or gray (H, W, 1); a broken or foreign profile is none."""
    try:
        profile = read_profile(data) if data else None
    except ProfileBroken:
        profile = None
    except ProfileHasTables:
        return _in_srgb_by_tables(colors, data)
    if profile is not None and profile.channels == colors.shape[2]:
        return to_srgb(colors, profile)
    return np.broadcast_to(colors, (*colors.shape[:2], 3)).copy()


def _in_srgb_by_tables(colors: Colors, data: bytes | None) -> Colors:
    """Go through 8 bits: more is not to be had from Pillow's Little CMS."""
    levels = np.rint(colors * _MAX_OF_EIGHT).astype(np.uint8)
    picture = Image.fromarray(levels[..., 0] if levels.shape[2] == 1 else levels)
    converted = convert_to_srgb(picture, data)
    return _share(np.asarray(converted), _MAX_OF_EIGHT)
