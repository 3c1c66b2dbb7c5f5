"""Catalog of the networks' weights: shapes, pinned digests, file names."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from platformdirs import user_cache_path

from shared.params.networks import VGG19_WEIGHTS, layer_names
from shared.params.style import StyleParams

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.params.networks import NetworkName

# Digests of the tensors (`tensor_digest`), which do not depend on the file format.
# torchvision's files could not be downloaded when this was written. Its vgg16 should
# contain the same numbers, but the last bits were not compared. So a file of
# torchvision is verified by the hash in its name when it is downloaded, and later by
# the digest recorded at that time.
PINNED_DIGESTS: Mapping[NetworkName, str] = {
    "vgg16": "fd59a34fd8ba326786cabae9241e73ea2a01fff1127e2992bc0ec0594e6e4820",
}

OFFICIAL = (
    "torchvision"  # prefix of the source in a file that was downloaded from torchvision
)
_OFFICIAL_NAMES: Mapping[NetworkName, str] = {
    "vgg16": f"{OFFICIAL}'s VGG-16 (IMAGENET1K_FEATURES)",
    "vgg19": VGG19_WEIGHTS,
}

_CHANNELS = {"1": 64, "2": 128, "3": 256, "4": 512, "5": 512}


def official_name(network: NetworkName) -> str:
    """Return the display name of torchvision's weights; it begins with `OFFICIAL`."""
    return _OFFICIAL_NAMES[network]


def convolution_indices(network: NetworkName) -> dict[str, int]:
    """Return the index of each convolution in torchvision's `features`, by layer."""
    indices: dict[str, int] = {}
    index, block = 0, "1"
    for name in layer_names(network):
        if name[4] != block:
            index, block = index + 1, name[4]  # a pooling lies between two blocks
        indices[name] = index
        index += 2  # the convolution and its ReLU
    return indices


def tensor_shapes(network: NetworkName) -> dict[str, tuple[int, ...]]:
    """Return the shape of every tensor in a weights file, by torchvision's key."""
    by_name: dict[str, tuple[int, ...]] = {}
    in_channels = 3
    for name, index in convolution_indices(network).items():
        out_channels = _CHANNELS[name[4]]
        by_name[f"features.{index}.weight"] = (out_channels, in_channels, 3, 3)
        by_name[f"features.{index}.bias"] = (out_channels,)
        in_channels = out_channels
    return by_name


def default_folder() -> Path:
    """Return the folder `IMPASTO_WEIGHTS_DIR`, or else one in the user's cache."""
    if chosen := os.environ.get("IMPASTO_WEIGHTS_DIR"):
        return Path(chosen)
    return user_cache_path("impasto") / "weights"


def weights_path(network: NetworkName, folder: Path) -> Path:
    """Return the path of the weights file of `network`, which may not exist."""
    return folder / f"{network}.safetensors"


def fetch_hint(network: NetworkName) -> str:
    """Return the hint with the command that downloads the weights."""
    is_default = network == StyleParams.model_fields["network"].default
    flag = "" if is_default else f" --network {network}"
    return f"run 'impasto weights fetch{flag}'"
