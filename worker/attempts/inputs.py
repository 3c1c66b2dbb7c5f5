"""Stored masks to tensors.

The stored pictures of a style job, as the engine takes them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image

from shared.images.masks import brightness
from worker.checkpoints import read_verified
from worker.engine.images.inputs import Sources, Style
from worker.images.load import read_picture

if TYPE_CHECKING:
    from torch import Tensor

    from shared.jobs.claim import Claim
    from shared.params.style import StyleParams
    from shared.storage.base import Storage
    from worker.images.load import Picture

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
    mask = brightness(data)
    # Not Lanczos, which rings: a mask has no values beyond those on either side.
    mask.thumbnail((edge_px, edge_px), Image.Resampling.BILINEAR)
    rows = torch.from_numpy(np.array(mask, dtype=np.uint8))  # (H, W)
    return rows.to(device)[None, None].float().div_(_WHITE)


@dataclass(frozen=True, slots=True)
class Originals:
    """What a style job begins with.

    Attributes:
        photo: Of which the result keeps more than its content.
        sources: For the engine.
    """

    photo: Picture
    sources: Sources


def read_originals(
    storage: Storage, claim: Claim[StyleParams], device: torch.device
) -> Originals:
    """Read all pictures of a job, none larger than its largest scale needs.

    Raises:
        DamagedBlob: One is not what was uploaded.
        StorageError: One cannot be read.
    """
    reader = _Reader(storage, claim, device)
    photo = reader.picture("content", 0)
    styles = tuple(
        Style(
            reader.picture("style", position).tensor,
            reader.mask("mask", position),
            reader.mask("region", position),
        )
        for position in range(len(claim.params.styles))
    )
    start = None
    if claim.params.init == "image":
        start = reader.picture("init_image", 0).tensor
    return Originals(photo, Sources(photo.tensor, styles, start))


class _Reader:
    """Reads pictures by role and position."""

    def __init__(
        self, storage: Storage, claim: Claim[StyleParams], device: torch.device
    ) -> None:
        self._storage, self._device = storage, device
        self._params, self._inputs = claim.params, claim.inputs

    def picture(self, role: str, position: int) -> Picture:
        data = read_verified(self._storage, self._inputs[role][position])
        return read_picture(data, self._edge_px(role), self._device)

    def mask(self, role: str, position: int) -> Tensor | None:
        blob = self._inputs.get(role, {}).get(position)
        if blob is None:
            return None
        data = read_verified(self._storage, blob)
        return mask_tensor(data, self._edge_px(role), self._device)

    def _edge_px(self, role: str) -> int:
        """The long side above which no scale needs the pixels of a picture."""
        of_style = role in {"style", "region"}
        larger = max(1.0, self._params.style_scale) if of_style else 1.0
        return round(self._params.max_edge * larger)
