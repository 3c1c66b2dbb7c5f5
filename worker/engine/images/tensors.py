"""Conversion between PIL images and tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image

if TYPE_CHECKING:
    from torch import Tensor

_WHITE = 255


def to_tensor(picture: Image.Image, device: torch.device) -> Tensor:
    """Convert an image of mode RGB to (1, 3, H, W), float32 in [0, 1]."""
    rows = torch.from_numpy(np.array(picture, dtype=np.uint8))  # (H, W, 3)
    planes = rows.to(device).permute(2, 0, 1)[None]  # (1, 3, H, W)
    return planes.float().div_(_WHITE).contiguous()


def to_pil_image(image: Tensor) -> Image.Image:
    """Convert (1, 3, H, W) to an image of mode RGB: clamped, then rounded."""
    levels = image.detach()[0].clamp(0, 1).mul(_WHITE).round().to(torch.uint8)
    rows = levels.permute(1, 2, 0).contiguous().cpu()  # (H, W, 3)
    return Image.fromarray(rows.numpy())
