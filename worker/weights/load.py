"""Weights file in the local folder, the engine's only source of weights.

It is a safetensors file with a digest of its tensors, which is verified at each read.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from shared.errors import WeightsDamaged, WeightsError, WeightsMissing
from worker.weights.catalog import (
    OFFICIAL,
    PINNED_DIGESTS,
    fetch_hint,
    tensor_shapes,
    weights_path,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

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
        WeightsMissing: The weights were not downloaded yet.
        WeightsDamaged: The file is truncated, altered, or for another network.
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
        WeightsError: As for `load_weights`, but altered tensors are not detected.
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


@dataclass(frozen=True, slots=True)
class WeightsMetadata:
    """Metadata of a weights file: source of its tensors, and their digest."""

    source: str
    digest: str


def tensor_digest(tensors: Mapping[str, Tensor]) -> str:
    """Return the SHA-256 over sorted names, types, shapes and bytes of the tensors."""
    state = hashlib.sha256()
    for name in sorted(tensors):
        array = tensors[name].contiguous().numpy()
        state.update(f"{name} {array.dtype.str} {list(array.shape)}\n".encode())
        state.update(array.data)
    return state.hexdigest()


def write_tensors(
    path: Path, tensors: Mapping[str, Tensor], source: str
) -> WeightsMetadata:
    """Write the file atomically; the last of several writers wins."""
    metadata = WeightsMetadata(source, tensor_digest(tensors))
    content = save(dict(tensors), asdict(metadata))
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        dir=path.parent, prefix=f".{path.name}."
    ) as temporary:
        new_file = Path(temporary) / path.name
        with new_file.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        new_file.replace(path)
    return metadata


def read_tensors(path: Path) -> tuple[dict[str, Tensor], WeightsMetadata]:
    """Read the file and verify its digest, which detects damage on the disk.

    Raises:
        WeightsMissing: The file does not exist.
        WeightsDamaged: The file is truncated, altered, or no safetensors file.
        WeightsError: The operating system refuses to read it.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = _parse_metadata(path, file.metadata())
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    except (OSError, SafetensorError) as error:
        raise _unreadable(path, error) from error
    if tensor_digest(tensors) != metadata.digest:
        raise WeightsDamaged(f"{path} has changed since it was written")
    return tensors, metadata


def read_metadata(path: Path) -> WeightsMetadata:
    """Read the metadata of the file, without verifying its tensors.

    Raises:
        WeightsError: As for `read_tensors`.
    """
    try:
        with safe_open(path, framework="pt") as file:
            return _parse_metadata(path, file.metadata())
    except (OSError, SafetensorError) as error:
        raise _unreadable(path, error) from error


@contextmanager
def _fetch_hint_added(network: NetworkName) -> Iterator[None]:
    try:
        yield
    except WeightsMissing as error:
        raise WeightsMissing(str(error), hint=fetch_hint(network)) from error


def _parse_metadata(path: Path, metadata: Mapping[str, str] | None) -> WeightsMetadata:
    try:
        return WeightsMetadata(**(metadata or {}))
    except TypeError as error:
        raise WeightsDamaged(f"{path} does not say what it holds") from error


def _unreadable(path: Path, error: Exception) -> WeightsError:
    if isinstance(error, FileNotFoundError):
        return WeightsMissing(f"no weights file {path}")
    if isinstance(error, SafetensorError):
        return WeightsDamaged(f"{path} is not a whole safetensors file: {error}")
    return WeightsError(f"cannot read {path}: {error}")
