"""Layers of VGG-16 up to the deepest one of J: names, indices, widths; no torch."""

from __future__ import annotations

CONTENT = "relu4_2"
STYLES = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")

# Index of each convolution in torchvision's `features`.
CONVOLUTIONS = {
    "relu1_1": 0,
    "relu1_2": 2,
    "relu2_1": 5,
    "relu2_2": 7,
    "relu3_1": 10,
    "relu3_2": 12,
    "relu3_3": 14,
    "relu4_1": 17,
    "relu4_2": 19,
    "relu4_3": 21,
    "relu5_1": 24,
}

_CHANNELS = {"1": 64, "2": 128, "3": 256, "4": 512, "5": 512}

CHANNELS = {name: _CHANNELS[name[4]] for name in CONVOLUTIONS}


def count_poolings(name: str) -> int:
    """Return how often the picture was halved before layer `name`."""
    return int(name[4]) - 1
