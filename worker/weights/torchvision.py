"""Weights files of torchvision, verified by the hash in their names."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2
import torch

from shared.errors import WeightsDamaged, WeightsMissing
from worker.weights.catalog import tensor_shapes

if TYPE_CHECKING:
    from torch import Tensor

    from shared.params.networks import NetworkName

_TIMEOUT = httpx2.Timeout(30, connect=5)  # seconds; many farms have no way out


def official_url(network: NetworkName) -> str:
    """Return the URL that torchvision itself downloads from.

    Raises:
        WeightsMissing: The installed torchvision does not match torch.
    """
    # Imported here, as it takes a second that machines with weights do not need.
    try:
        from torchvision.models import (  # type: ignore[import-untyped]  # noqa: PLC0415 - it has no types
            VGG16_Weights,
            VGG19_Weights,
        )
    except (ImportError, RuntimeError) as error:
        raise WeightsMissing(f"torchvision cannot be loaded: {error}") from error

    weights = {
        "vgg16": VGG16_Weights.IMAGENET1K_FEATURES,
        "vgg19": VGG19_Weights.IMAGENET1K_V1,
    }
    return str(weights[network].url)


def read_official(
    network: NetworkName, url: str, *, transport: httpx2.BaseTransport | None = None
) -> dict[str, Tensor]:
    """Download torchvision's file and read its convolutions.

    Args:
        network: Name of the network in the file.
        url: URL whose last part ends with the first hex digits of the file's SHA-256.
        transport: Replacement of the HTTP transport in tests.

    Raises:
        WeightsMissing: The server is unreachable or has no such file.
        WeightsDamaged: The bytes do not have the hash in the name.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "weights.pth"
        try:
            digest = _download(url, file, transport)
        except httpx2.HTTPError as error:
            reason = str(error).partition("\n")[0]
            raise WeightsMissing(f"{url} is out of reach: {reason}") from error
        prefix = Path(url).stem.rpartition("-")[2]
        if not digest.startswith(prefix):
            raise WeightsDamaged(f"{url} sent bytes with SHA-256 {digest}")
        tensors = torch.load(file, weights_only=True, map_location="cpu")
    return {name: tensors[name] for name in tensor_shapes(network) if name in tensors}


def _download(url: str, file: Path, transport: httpx2.BaseTransport | None) -> str:
    digest = hashlib.sha256()
    with (
        httpx2.Client(
            transport=transport, timeout=_TIMEOUT, follow_redirects=True
        ) as client,
        client.stream("GET", url) as response,
        file.open("wb") as target,
    ):
        response.raise_for_status()
        for chunk in response.iter_bytes():
            digest.update(chunk)
            target.write(chunk)
    return digest.hexdigest()
