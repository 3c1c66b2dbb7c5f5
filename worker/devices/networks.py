"""Cache of the networks of this process, loaded on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from worker.devices.device import float32_settings, select_precision
from worker.engine.vgg.cuda_graphs import capture_cuda_graph
from worker.engine.vgg.network import Network, build_network
from worker.weights.load import load_weights, weights_digest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from shared.params.networks import NetworkName
    from shared.settings import Settings


class NetworkCache:
    """Networks by name, verified and loaded onto the device once.

    Args:
        settings: Settings of the weights folder, the precision and the convolution.
        device: Device of the networks.
    """

    def __init__(self, settings: Settings, device: torch.device) -> None:
        self._settings, self._device = settings, device
        self._loaded: dict[tuple[NetworkName, bool], tuple[Network, str]] = {}

    def get(self, name: NetworkName, *, float32: bool = False) -> tuple[Network, str]:
        """Return the network and the digest of its weights.

        Args:
            name: Name of the network.
            float32: Whether to compute in float32 whatever the settings say, so
                that activations can be compared.

        Raises:
            WeightsError: The weights are missing or damaged.
        """
        if (name, float32) not in self._loaded:
            folder, settings = self._settings.weights_dir, self._settings
            tensors = load_weights(name, folder)
            if float32:
                settings = float32_settings(settings)
            network = network_from_weights(name, tensors, self._device, settings)
            self._loaded[name, float32] = network, weights_digest(name, folder)
        return self._loaded[name, float32]


def network_from_weights(
    name: NetworkName,
    tensors: Mapping[str, Tensor],
    device: torch.device,
    settings: Settings,
) -> Network:
    """Build a network with the precision and the convolution of the settings."""
    use_bfloat16 = select_precision(device.type, settings) == "bf16"
    use_graphs = device.type == "cuda" and settings.cuda_graphs
    return build_network(
        name,
        tensors,
        device,
        settings.cpu_convolution if device.type == "cpu" else "direct",
        precision=torch.bfloat16 if use_bfloat16 else None,
        capture_graph=capture_cuda_graph if use_graphs else None,
    )
