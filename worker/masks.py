"""Stored masks to tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image

from shared import masks

if TYPE_CHECKING:
    from torch import Tensor

_WHITE = 255


def mask_tensor(data: bytes, edge_px: int, device: torch.device) -> Tensor:
    """Turn the bytes of a mask into (1, 1, H, W), float32 in [0, 1], bright is 1.

    Args:
        data: A picture; its brightness counts, transparency is dark.
        edge_px: The long side above which it is scaled down.
        device: Where the tensor goes.

    Raises:
        ImageUnreadable: The bytes are not a whole picture.
    """
    mask = masks.brightness(data)
    # Not Lanczos, which rings: a mask has no values beyond those on either side.
    mask.thumbnail((edge_px, edge_px), Image.Resampling.BILINEAR)
    rows = torch.from_numpy(np.array(mask, dtype=np.uint8))  # (H, W)
    return rows.to(device)[None, None].float().div_(_WHITE)
