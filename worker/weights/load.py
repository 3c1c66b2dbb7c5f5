"""Loading of verified weights from the local folder, the engine's only source."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from shared.errors import WeightsDamaged, WeightsMissing
from worker.weights.catalog import (
    OFFICIAL,
    PINNED_DIGESTS,
    fetch_hint,
    tensor_shapes,
    weights_path,
)
from worker.weights.checked_file import read_metadata, read_tensors

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from torch import Tensor

    from shared.params.networks import NetworkName


def load_weights(network: NetworkName, folder: Path) -> dict[str, Tensor]:
    """Read the convolutions of a network and verify every byte.

    Args:
        network: Name of the network.
        folder: Folder of the weights file; see `default_folder`.

    Returns:
        Tensors in float32 on the CPU, by torchvision's keys (`features.0.weight`); the
        first convolution takes RGB.

    Raises:
        WeightsMissing: The weights are not downloaded yet.
        WeightsDamaged: The file is truncated, altered, or of another network.
    """
    path = weights_path(network, folder)
    with _fetch_hint_added(network):
        tensors, metadata = read_tensors(path)
    check_shapes(network, tensors, path)
    official = metadata.source.startswith(OFFICIAL)
    if not official and metadata.digest != PINNED_DIGESTS.get(network):
        raise WeightsDamaged(f"{path} holds other numbers than the known {network}")
    return tensors


def weights_digest(network: NetworkName, folder: Path) -> str:
    """Return the digest in the weights file, which `load_weights` verifies.

    Raises:
        WeightsError: As `load_weights`, but altered tensors are not detected.
    """
    with _fetch_hint_added(network):
        return read_metadata(weights_path(network, folder)).digest


def check_shapes(
    network: NetworkName, tensors: Mapping[str, Tensor], source: object
) -> None:
    """Check that the tensors are exactly the float32 convolutions of `network`.

    Raises:
        WeightsDamaged: A tensor is missing, unexpected, or of another shape or type.
    """
    actual = {name: (tuple(t.shape), str(t.dtype)) for name, t in tensors.items()}
    expected = {
        name: (shape, "torch.float32") for name, shape in tensor_shapes(network).items()
    }
    if differing := sorted(name for name, _ in actual.items() ^ expected.items()):
        raise WeightsDamaged(f"{source} is not {network}: see {differing[0]}")


@contextmanager
def _fetch_hint_added(network: NetworkName) -> Iterator[None]:
    try:
        yield
    except WeightsMissing as error:
        raise WeightsMissing(str(error), hint=fetch_hint(network)) from error
