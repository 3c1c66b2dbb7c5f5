"""The networks of this process: verified, on the device, built when first needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker import weights
from worker.engine.features import Network, build_network

if TYPE_CHECKING:
    from pathlib import Path

    import torch

    from shared.networks import Network as NetworkName


class Networks:
    """Networks by name, each loaded once.

    Args:
        folder: Where the weights lie.
        device: Where the networks go.
    """

    def __init__(self, folder: Path, device: torch.device) -> None:
        self._folder, self._device = folder, device
        self._built: dict[NetworkName, tuple[Network, str]] = {}

    def get(self, name: NetworkName) -> tuple[Network, str]:
        """Return the network and the digest of its weights.

        Raises:
            WeightsError: They are missing or damaged.
        """
        if name not in self._built:
            tensors = weights.load(name, self._folder)
            network = build_network(name, tensors, self._device)
            self._built[name] = network, weights.digest(name, self._folder)
        return self._built[name]
