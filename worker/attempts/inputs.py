"""Input pictures and masks of a style job, read from the storage as tensors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image

from shared.images.label_maps import decode_label_map, label_colors
from shared.images.masks import decode_mask
from worker.checkpoint_file import read_verified
from worker.engine.images.inputs import Style, TransferInputs
from worker.images.load import read_picture

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from shared.jobs.claim import Claim
    from shared.params.style import StyleParams
    from shared.storage import Storage
    from worker.images.load import Picture

_WHITE = 255


def mask_tensor(data: bytes, edge_px: int, device: torch.device) -> Tensor:
    """Decode a mask to (1, 1, H, W), float32 in [0, 1], bright is 1.

    Args:
        data: Bytes of a picture; its brightness is used, and transparency is dark.
        edge_px: Long side, px, above which the mask is scaled down.
        device: Device of the tensor.

    Raises:
        ImageUnreadable: The bytes are not a whole picture.
    """
    mask = decode_mask(data)
    # Not Lanczos, which gives values outside the range of neighboring pixels.
    mask.thumbnail((edge_px, edge_px), Image.Resampling.BILINEAR)
    rows = torch.from_numpy(np.array(mask, dtype=np.uint8))  # (H, W)
    return rows.to(device)[None, None].float().div_(_WHITE)


def label_tensor(data: bytes, edge_px: int, colors: Sequence[str]) -> Tensor:
    """Decode a label map to (1, 1, H, W), uint8 on the CPU: indices of `colors`.

    Args:
        data: Bytes of a picture, as `decode_label_map` takes it.
        edge_px: Long side, px, above which the map is scaled down, by nearest pixels.
        colors: Labels as #rrggbb; other colors get the index `len(colors)`.

    Raises:
        ImageUnreadable: The bytes are not a whole picture, or have too many colors.
    """
    label_map = decode_label_map(data)
    label_map.thumbnail((edge_px, edge_px), Image.Resampling.NEAREST)
    rows = np.array(label_map, dtype=np.uint8)  # (H, W, 3)
    numbers = np.full(rows.shape[:2], len(colors), dtype=np.uint8)
    for number, color in enumerate(colors):
        numbers[(rows == tuple(bytes.fromhex(color[1:]))).all(2)] = number
    return torch.from_numpy(numbers)[None, None]


@dataclass(frozen=True, slots=True)
class StyleInputs:
    """Decoded inputs of a style job.

    Attributes:
        photo: Content picture, with its alpha and its color profile.
        transfer_inputs: Tensors for the engine.
    """

    photo: Picture
    transfer_inputs: TransferInputs


def read_inputs(
    storage: Storage, claim: Claim[StyleParams], device: torch.device
) -> StyleInputs:
    """Read all pictures of a job, none larger than its largest scale needs.

    Raises:
        BlobDamaged: The bytes differ from those of the uploaded picture.
        StorageError: A picture cannot be read.
    """
    reader = _Reader(storage, claim, device)
    photo = reader.picture("content", 0)
    styles = tuple(
        Style(
            reader.picture("style", position).tensor,
            reader.mask("mask", position),
            reader.mask("region", position),
            reader.labels("labels", position),
        )
        for position in range(len(claim.params.styles))
    )
    start = None
    if claim.params.init == "image":
        start = reader.picture("init_image", 0).tensor
    labels = reader.labels("content_labels", 0)
    return StyleInputs(photo, TransferInputs(photo.tensor, styles, start, labels))


class _Reader:
    """Reader of a job's pictures and masks by role and position."""

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

    def labels(self, role: str, position: int) -> Tensor | None:
        photo_blob = self._inputs.get("content_labels", {}).get(0)
        blob = self._inputs.get(role, {}).get(position)
        if blob is None or photo_blob is None:
            return None
        photo_map = decode_label_map(read_verified(self._storage, photo_blob))
        data = read_verified(self._storage, blob)
        return label_tensor(data, self._edge_px(role), label_colors(photo_map))

    def _edge_px(self, role: str) -> int:
        """Return the long side above which no scale needs the pixels of a picture."""
        of_style = role in {"style", "region", "labels"}
        larger = max(1.0, self._params.style_scale) if of_style else 1.0
        return round(self._params.max_edge * larger)
