"""`python -m samples.cut_photos`: cut the photos that `impasto explore` searches.

They are parts of photos in the wheels of scikit-image 0.26, scikit-learn 1.9 and
matplotlib 3.11, which must be installed; no network is needed. Only photos with a free
license are used: samples/README.md lists them.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Mapping

Box = tuple[int, int, int, int]

FOLDER = Path(__file__).parent / "photos"
EDGE_PX = 256  # larger crops are shrunk to this side
_QUALITY = 85


def _grid(side: int, across: int, down: int) -> tuple[Box, ...]:
    """Return the boxes of adjacent squares, row by row from the upper left corner."""
    return tuple(
        (x * side, y * side, (x + 1) * side, (y + 1) * side)
        for y in range(down)
        for x in range(across)
    )


_TWO_CORNERS: tuple[Box, ...] = ((0, 0, 256, 256), (256, 256, 512, 512))

# Boxes (left, top, right, bottom) in px of the photo, without overlaps.
CROPS: Mapping[str, tuple[Box, ...]] = {
    "skimage/data/astronaut.png": (
        (130, 0, 330, 200),
        (340, 0, 512, 200),
        (0, 0, 128, 230),
        (90, 320, 250, 480),
        (270, 320, 490, 512),
    ),
    "skimage/data/brick.png": _TWO_CORNERS,
    "skimage/data/camera.png": (
        (130, 50, 310, 230),
        (330, 80, 512, 235),
        (0, 240, 190, 512),
        (200, 240, 410, 512),
    ),
    "skimage/data/cell.png": ((290, 250, 550, 510),),
    "skimage/data/chelsea.png": ((0, 0, 225, 300), (225, 0, 451, 300)),
    "skimage/data/clock_motion.png": ((100, 70, 300, 240),),
    "skimage/data/coffee.png": _grid(200, 3, 2),
    "skimage/data/grass.png": _TWO_CORNERS,
    "skimage/data/gravel.png": _TWO_CORNERS,
    "skimage/data/horse.png": ((0, 60, 200, 328), (200, 0, 400, 328)),
    "skimage/data/hubble_deep_field.jpg": _grid(250, 2, 2),
    "skimage/data/retina.jpg": (
        (150, 500, 500, 850),
        (600, 550, 900, 850),
        (300, 150, 650, 500),
        (900, 200, 1250, 550),
        (500, 900, 850, 1250),
    ),
    "skimage/data/rocket.jpg": _grid(213, 3, 2),
    "skimage/data/text.png": ((0, 0, 224, 172), (224, 0, 448, 172)),
    "sklearn/datasets/images/china.jpg": _grid(213, 3, 2),
    "sklearn/datasets/images/flower.jpg": (
        (160, 75, 455, 370),
        (0, 60, 158, 300),
        (458, 0, 640, 370),
    ),
    "matplotlib/mpl-data/sample_data/grace_hopper.jpg": (
        (150, 20, 380, 150),
        (150, 152, 380, 330),
        (0, 0, 148, 300),
        (320, 470, 470, 560),
        (200, 332, 318, 600),
    ),
}


def main(folder: Path) -> None:
    """Write every crop into `folder`."""
    folder.mkdir(exist_ok=True)
    for source, boxes in CROPS.items():
        photo = _opened(source)
        for number, box in enumerate(boxes, 1):
            crop = photo.crop(box)
            crop.thumbnail((EDGE_PX, EDGE_PX), Image.Resampling.LANCZOS)
            path = folder / f"{Path(source).stem}-{number}.jpg"
            crop.save(path, quality=_QUALITY, optimize=True)
    sys.stdout.write(f"{folder}: {sum(map(len, CROPS.values()))} crops\n")


def _opened(source: str) -> Image.Image:
    package, _, path = source.partition("/")
    spec = find_spec(package)  # an import would take seconds
    if spec is None or spec.submodule_search_locations is None:
        raise SystemExit(f"{package} is not installed, and has {path}")
    (folder, *_) = spec.submodule_search_locations
    with Image.open(Path(folder) / path) as opened:
        photo = opened.convert("RGBA")
    paper = Image.new("RGBA", photo.size, "white")
    return Image.alpha_composite(paper, photo).convert("RGB")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
