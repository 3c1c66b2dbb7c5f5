"""The networks of this process: verified, on the device, built when first needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from worker.devices.determinism import in_float32, precision_on
from worker.engine.vgg.cuda_graphs import record_on_cuda
from worker.engine.vgg.network import Network, build_network
from worker.weights.load import digest, load

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from shared.params.networks import NetworkName
    from shared.settings import Settings


class Networks:
    """Networks by name, each loaded once.

    Args:
        settings: Where the weights lie, and how to compute with them.
        device: Where the networks go.
    """

    def __init__(self, settings: Settings, device: torch.device) -> None:
        self._settings, self._device = settings, device
        self._built: dict[tuple[NetworkName, bool], tuple[Network, str]] = {}

    def get(self, name: NetworkName, *, full: bool = False) -> tuple[Network, str]:
        """Return the network and the digest of its weights.

        Args:
            name: Which.
            full: In float32, whatever the settings say: for comparing activations.

        Raises:
            WeightsError: They are missing or damaged.
        """
        if (name, full) not in self._built:
            folder, settings = self._settings.weights_dir, self._settings
            tensors = load(name, folder)
            if full:
                settings = in_float32(settings)
            network = network_of(name, tensors, self._device, settings)
            self._built[name, full] = network, digest(name, folder)
        return self._built[name, full]


def network_of(
    name: NetworkName,
    tensors: Mapping[str, Tensor],
    device: torch.device,
    settings: Settings,
) -> Network:
    """Build a network of these weights that computes as the settings say."""
    halves = precision_on(device.type, settings) == "bf16"
    graphs = device.type == "cuda" and settings.cuda_graphs
    return build_network(
        name,
        tensors,
        device,
        settings.cpu_convolution if device.type == "cpu" else "direct",
        precision=torch.bfloat16 if halves else None,
        record=record_on_cuda if graphs else None,
    )
