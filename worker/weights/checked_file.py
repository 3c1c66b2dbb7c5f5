"""Weights file: safetensors with the digest of its tensors, verified when read."""

from __future__ import annotations

import hashlib
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from shared.errors import WeightsDamaged, WeightsError, WeightsMissing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor


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
        WeightsError: As `read_tensors`.
    """
    try:
        with safe_open(path, framework="pt") as file:
            return _parse_metadata(path, file.metadata())
    except (OSError, SafetensorError) as error:
        raise _unreadable(path, error) from error


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
