"""Tensors in one safetensors file that carries the digest of what it holds."""

from __future__ import annotations

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from shared.errors import WeightsDamaged, WeightsError, WeightsMissing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Origin:
    """Where tensors came from and their digest when they arrived."""

    source: str
    digest: str


def tensor_digest(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 over sorted names, types, shapes and bytes; a file's order is nothing."""
    state = hashlib.sha256()
    for name in sorted(tensors):
        array = tensors[name].contiguous().numpy()
        state.update(f"{name} {array.dtype.str} {list(array.shape)}\n".encode())
        state.update(array.data)
    return state.hexdigest()


def write_tensors(path: Path, tensors: Mapping[str, Tensor], source: str) -> Origin:
    """Put the file in place whole or not at all; the last of several writers wins."""
    origin = Origin(source, tensor_digest(tensors))
    metadata = {"source": origin.source, "digest": origin.digest}
    content = save(dict(tensors), metadata)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as own:
        fresh = Path(own) / path.name
        with fresh.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    return origin


def read_tensors(path: Path) -> tuple[dict[str, Tensor], Origin]:
    """Read the file and hash every tensor again: rot on the disk shows here.

    Raises:
        WeightsMissing: There is no such file.
        WeightsDamaged: It is cut short, no safetensors, or a bit of it has changed.
        WeightsError: The operating system does not let us read it.
    """
    try:
        with safe_open(path, framework="pt") as file:
            origin = _origin(path, file.metadata())
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    except (OSError, SafetensorError) as error:
        raise _unreadable(path, error) from error
    if tensor_digest(tensors) != origin.digest:
        raise WeightsDamaged(f"{path} has changed since it was written")
    return tensors, origin


def read_origin(path: Path) -> Origin:
    """Read what the file says of itself, without hashing its tensors.

    Raises:
        WeightsError: As `read_tensors`.
    """
    try:
        with safe_open(path, framework="pt") as file:
            return _origin(path, file.metadata())
    except (OSError, SafetensorError) as error:
        raise _unreadable(path, error) from error


def _origin(path: Path, metadata: Mapping[str, str] | None) -> Origin:
    try:
        return Origin(**(metadata or {}))
    except TypeError as error:
        raise WeightsDamaged(f"{path} does not say what it holds") from error


def _unreadable(path: Path, error: Exception) -> WeightsError:
    if isinstance(error, FileNotFoundError):
        return WeightsMissing(f"no weights file {path}")
    if isinstance(error, SafetensorError):
        return WeightsDamaged(f"{path} is not a whole safetensors file: {error}")
    return WeightsError(f"cannot read {path}: {error}")
