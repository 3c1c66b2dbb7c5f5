"""Names of the networks and of their layers."""

from __future__ import annotations

from typing import Literal

NetworkName = Literal["vgg16", "vgg19"]

# The name says where the weights come from: other VGG-19 weights give other pictures.
VGG19_WEIGHTS = "torchvision's VGG-19 (IMAGENET1K_V1)"
NETWORK_CHOICES = f"vgg16: the original weights; vgg19: {VGG19_WEIGHTS}"

# Layers by network: relu<block>_<index>, as Gatys et al. name them.
_CONVOLUTIONS = {"vgg16": (2, 2, 3, 3, 3), "vgg19": (2, 2, 4, 4, 4)}


def layer_names(network: NetworkName) -> tuple[str, ...]:
    """Return the layers of `network` that a loss can use, shallow to deep."""
    blocks = _CONVOLUTIONS[network]
    return tuple(
        f"relu{block}_{index}"
        for block, count in enumerate(blocks, start=1)
        for index in range(1, count + 1)
    )
