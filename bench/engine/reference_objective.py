"""Objective J, with which the pictures of all engines are measured.

J is the objective of jcjohnson's neural-style and its descendants: content 5, style
100, Gram matrices over C x H x W. It shares no code with Impasto's engine: it has plain
convolutions, zero padding and autograd.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional as F

from bench.engine.layers import CONTENT, CONVOLUTIONS, STYLES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from PIL import Image
    from torch import Tensor

CONTENT_WEIGHT = 5.0
STYLE_WEIGHT = 100.0
_MEAN = (0.48235, 0.45882, 0.40784)  # mean RGB of the original weights, in [0, 1]
_WHITE = 255


@dataclass(frozen=True, slots=True)
class Measurement:
    """Measurement of one delivered picture.

    Attributes:
        j: Value of the objective J.
        c_rel: Relative distance of the content from the photo's, |F - P| / |P|.
        s_rel: Relative distance of the style, the mean of |G - A| / |A| over layers.
    """

    j: float
    c_rel: float
    s_rel: float


class ReferenceObjective:
    """Objective J for one photo and one painting in the size of the result.

    No picture is resized, so that no engine is measured with another resampling.

    Args:
        weights: Convolutions of VGG-16 by torchvision's names.
        photo: Photo, (1, 3, H, W), RGB in [0, 1].
        painting: Painting, (1, 3, h, w), RGB in [0, 1].
        padding: Padding of the first convolution; "replicate" is for tests.
    """

    def __init__(
        self,
        weights: Mapping[str, Tensor],
        photo: Tensor,
        painting: Tensor,
        padding: str = "constant",
    ) -> None:
        self._weights, self._padding = weights, padding
        with torch.no_grad():
            self._content = compute_activations(weights, photo, padding)[CONTENT]
            painted = compute_activations(weights, painting, padding)
            self._grams = {name: gram_matrix(painted[name]) for name in STYLES}

    def evaluate(self, image: Tensor) -> Tensor:
        """Return J of an image, (1, 3, H, W) in [0, 1], as a scalar for autograd."""
        seen = compute_activations(self._weights, image, self._padding)
        style = sum(
            F.mse_loss(gram_matrix(seen[name]), target)
            for name, target in self._grams.items()
        )
        content = F.mse_loss(seen[CONTENT], self._content)
        return CONTENT_WEIGHT * content + STYLE_WEIGHT * style

    @torch.no_grad()
    def measure(self, image: Tensor) -> Measurement:
        """Measure an image, (1, 3, H, W) in [0, 1]."""
        seen = compute_activations(self._weights, image, self._padding)
        distances = [
            relative_distance(gram_matrix(seen[name]), target)
            for name, target in self._grams.items()
        ]
        return Measurement(
            j=float(self.evaluate(image)),
            c_rel=relative_distance(seen[CONTENT], self._content),
            s_rel=sum(distances) / len(distances),
        )


def compute_activations(
    weights: Mapping[str, Tensor], image: Tensor, padding: str = "constant"
) -> dict[str, Tensor]:
    """Run the network as published, with max pooling and zero padding.

    Args:
        weights: Weights by torchvision's names.
        image: Image, (1, 3, H, W), RGB in [0, 1].
        padding: Padding of the first convolution.

    Returns:
        Activations, (1, C, H, W), by layer, up to the deepest layer of J.
    """
    x = (image - image.new_tensor(_MEAN).view(1, 3, 1, 1)) * _WHITE
    x = F.pad(x, (1, 1, 1, 1), padding)
    found: dict[str, Tensor] = {}
    for before, (name, position) in pairwise([("", 0), *CONVOLUTIONS.items()]):
        if before[0] and before[0][4] != name[4]:
            x = F.max_pool2d(x, 2)
        key = f"features.{position}"
        weight, bias = weights[f"{key}.weight"], weights[f"{key}.bias"]
        x = F.relu(F.conv2d(x, weight, bias, padding=1 if before[0] else 0))
        found[name] = x
    return found


def gram_matrix(features: Tensor) -> Tensor:
    """Return F F^T / (C H W), (C, C), of activations, (1, C, H, W)."""
    rows = features[0].flatten(1)
    return rows @ rows.T / rows.numel()


def relative_distance(value: Tensor, target: Tensor) -> float:
    """Return |value - target| / |target|."""
    return float((value - target).norm() / target.norm())


def to_tensor(picture: Image.Image) -> Tensor:
    """Convert a picture to (1, 3, H, W), RGB in [0, 1], float32."""
    rows = np.asarray(picture.convert("RGB"), dtype=np.float32) / _WHITE
    return torch.from_numpy(rows).permute(2, 0, 1)[None].contiguous()
