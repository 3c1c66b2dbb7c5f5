"""Load verified weights from the local folder; the only way the engine gets them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from shared.errors import WeightsDamaged, WeightsMissing
from worker.weights.catalog import (
    OFFICIAL,
    PINNED_DIGESTS,
    fetch_hint,
    shapes,
    weights_path,
)
from worker.weights.checked_file import read_origin, read_tensors

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from torch import Tensor

    from shared.params.networks import NetworkName


def load(network: NetworkName, folder: Path) -> dict[str, Tensor]:
    """Read a network's convolutions and check every byte of them.

    Args:
        network: Which one.
        folder: Where `fetch` put it; see `default_folder`.

    Returns:
        float32 on the CPU, by torchvision's keys (`features.0.weight`); the first
        convolution takes RGB.

    Raises:
        WeightsMissing: Nothing was fetched yet.
        WeightsDamaged: The file is cut, altered, or holds another network.
    """
    path = weights_path(network, folder)
    with _telling_how_to_fetch(network):
        tensors, origin = read_tensors(path)
    check_shapes(network, tensors, path)
    official = origin.source.startswith(OFFICIAL)
    if not official and origin.digest != PINNED_DIGESTS.get(network):
        raise WeightsDamaged(f"{path} holds other numbers than the known {network}")
    return tensors


def digest(network: NetworkName, folder: Path) -> str:
    """Name the weights a job used: the digest in the file, which `load` verifies.

    Raises:
        WeightsError: As `load`, but changed tensors are not noticed.
    """
    with _telling_how_to_fetch(network):
        return read_origin(weights_path(network, folder)).digest


def check_shapes(
    network: NetworkName, tensors: Mapping[str, Tensor], where: object
) -> None:
    """Take nothing but the float32 convolutions of `network`.

    Raises:
        WeightsDamaged: Some tensor is missing, too many, or of another shape or type.
    """
    found = {name: (tuple(t.shape), str(t.dtype)) for name, t in tensors.items()}
    wanted = {name: (shape, "torch.float32") for name, shape in shapes(network).items()}
    if wrong := sorted(name for name, _ in found.items() ^ wanted.items()):
        raise WeightsDamaged(f"{where} is not {network}: see {wrong[0]}")


@contextmanager
def _telling_how_to_fetch(network: NetworkName) -> Iterator[None]:
    try:
        yield
    except WeightsMissing as error:
        raise WeightsMissing(str(error), hint=fetch_hint(network)) from error
