"""What is known of each network before any byte is fetched: shapes, digest, place."""

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

# Digests of the tensors (`tensor_digest`), the same whatever file they came in.
# torchvision's own files could not be fetched where this was written. Its vgg16 should
# hold the very same numbers, but nobody has compared the last bits, so there may be a
# second good digest: a file from there is checked by the hash in its name instead, and
# by the digest recorded at that moment from then on.
PINNED_DIGESTS: Mapping[NetworkName, str] = {
    "vgg16": "fd59a34fd8ba326786cabae9241e73ea2a01fff1127e2992bc0ec0594e6e4820",
}

OFFICIAL = "torchvision"  # how the source in a file from there begins
_OFFICIAL_NAMES: Mapping[NetworkName, str] = {
    "vgg16": f"{OFFICIAL}'s VGG-16 (IMAGENET1K_FEATURES)",
    "vgg19": VGG19_WEIGHTS,
}

_CHANNELS = {"1": 64, "2": 128, "3": 256, "4": 512, "5": 512}


def official_name(network: NetworkName) -> str:
    """Name torchvision's weights of `network` to people; begins with `OFFICIAL`."""
    return _OFFICIAL_NAMES[network]


def convolutions(network: NetworkName) -> dict[str, int]:
    """Place of each convolution in torchvision's `features`, by its layer's name."""
    indices: dict[str, int] = {}
    index, block = 0, "1"
    for name in layer_names(network):
        if name[4] != block:
            index, block = index + 1, name[4]  # a pooling lies between two blocks
        indices[name] = index
        index += 2  # the convolution and its ReLU
    return indices


def shapes(network: NetworkName) -> dict[str, tuple[int, ...]]:
    """Shape of every tensor a weights file of `network` holds, by torchvision's key."""
    found: dict[str, tuple[int, ...]] = {}
    incoming = 3
    for name, index in convolutions(network).items():
        outgoing = _CHANNELS[name[4]]
        found[f"features.{index}.weight"] = (outgoing, incoming, 3, 3)
        found[f"features.{index}.bias"] = (outgoing,)
        incoming = outgoing
    return found


def default_folder() -> Path:
    """Folder of the weights: `IMPASTO_WEIGHTS_DIR`, else in the user's cache."""
    if chosen := os.environ.get("IMPASTO_WEIGHTS_DIR"):
        return Path(chosen)
    return user_cache_path("impasto") / "weights"


def weights_path(network: NetworkName, folder: Path) -> Path:
    """The one file of `network` in `folder`, there or not."""
    return folder / f"{network}.safetensors"


def fetch_hint(network: NetworkName) -> str:
    """Say how the weights of `network` come to this machine."""
    is_default = network == StyleParams.model_fields["network"].default
    flag = "" if is_default else f" --network {network}"
    return f"run 'impasto weights fetch{flag}'"
