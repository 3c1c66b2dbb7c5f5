"""Pairs of a photo and a painting: 12 to tune with, 12 held out.

The two sets share no photo and no painting. The list was fixed before any picture was
scored. The first set may be used as often as needed to choose parameters, the second
one only once, at the end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

Box = tuple[int, int, int, int]
Effect = Literal["oil", "pencil"]
StyleName = Literal["strokes", "mosaic", "waves"]
SetName = Literal["tune", "held-out"]


@dataclass(frozen=True, slots=True)
class Shipped:
    """File of samples/, whose README says its source."""

    file: str


@dataclass(frozen=True, slots=True)
class Packaged:
    """Picture inside a release of a Python package.

    Attributes:
        package: Beginning of the archive's name.
        member: Path in the archive.
        credit: Author and license.
        box: Part of the picture, (left, top, right, bottom) in px.
        effect: Effect that turns the photo into a painting.
    """

    package: str
    member: str
    credit: str
    box: Box | None = None
    effect: Effect | None = None


@dataclass(frozen=True, slots=True)
class Drawn:
    """Style picture of samples/, drawn from another seed."""

    style: StyleName
    seed: int


Source = Shipped | Packaged | Drawn


@dataclass(frozen=True, slots=True)
class Pair:
    """Pair of a photo and a painting, by their names in `SOURCES`."""

    photo: str
    painting: str

    @property
    def name(self) -> str:
        """Name of this pair, and of its files."""
        return f"{self.photo}-{self.painting}"


_SKIMAGE = "scikit_image"
_ASTRONAUT = "skimage/data/astronaut.png"
_HOPPER = "matplotlib/mpl-data/sample_data/grace_hopper.jpg"
_NASA = "Eileen Collins, photo by NASA, public domain"
_NAVY = "Grace Hopper, photo by the US Navy, public domain"
_FACE: Box = (100, 0, 400, 300)
_BUST: Box = (80, 0, 380, 400)

SOURCES: Mapping[str, Source] = {
    "tubingen": Shipped("tubingen.jpg"),
    "starry_night": Shipped("starry_night.jpg"),
    "chelsea": Shipped("chelsea.jpg"),
    "coffee": Shipped("coffee.jpg"),
    "strokes": Shipped("strokes.jpg"),
    "mosaic": Shipped("mosaic.jpg"),
    "waves": Shipped("waves.jpg"),
    "china": Packaged(
        "scikit_learn",
        "sklearn/datasets/images/china.jpg",
        "photo by danielbuechele, CC BY 2.0",
    ),
    "flower": Packaged(
        "scikit_learn",
        "sklearn/datasets/images/flower.jpg",
        "photo by vultilion, CC BY 2.0",
    ),
    "hopper": Packaged("matplotlib", _HOPPER, _NAVY),
    "hopper_oil": Packaged("matplotlib", _HOPPER, _NAVY, effect="oil"),
    "hopper_pencil": Packaged("matplotlib", _HOPPER, _NAVY, effect="pencil"),
    "mona_lisa": Packaged(
        "Wand",
        "Wand-0.6.13/tests/assets/mona-lisa.jpg",
        "Leonardo da Vinci, about 1503, public domain",
    ),
    "grass": Packaged(_SKIMAGE, "skimage/data/grass.png", "CC0Textures, CC0"),
    "rocket": Packaged(
        _SKIMAGE, "skimage/data/rocket.jpg", "photo by SpaceX, public domain"
    ),
    "camera": Packaged(
        _SKIMAGE, "skimage/data/camera.png", "photo by Lav Varshney, CC0"
    ),
    "astronaut": Packaged(_SKIMAGE, _ASTRONAUT, _NASA, box=_FACE),
    "astronaut_oil": Packaged(_SKIMAGE, _ASTRONAUT, _NASA, _BUST, "oil"),
    "astronaut_pencil": Packaged(_SKIMAGE, _ASTRONAUT, _NASA, _BUST, "pencil"),
    "raccoon": Packaged(
        "scipy",
        "scipy/misc/face.dat",
        "raccoon-procyon-lotor.jpg of public-domain-image.com, public domain",
    ),
    "horse": Packaged(_SKIMAGE, "skimage/data/horse.png", "by Andreas Preuss, CC0"),
    "coins": Packaged(
        _SKIMAGE,
        "skimage/data/coins.png",
        "Greek coins from Pompeii, Brooklyn Museum, no known restrictions",
    ),
    "hubble": Packaged(
        _SKIMAGE, "skimage/data/hubble_deep_field.jpg", "NASA and ESA, public domain"
    ),
    "tissue": Packaged(
        _SKIMAGE,
        "skimage/data/ihc.png",
        "colonic glands under a microscope, CMMI, no known restrictions",
    ),
    "strokes_11": Drawn("strokes", 11),
    "mosaic_12": Drawn("mosaic", 12),
    "waves_21": Drawn("waves", 21),
}

TUNE = (
    Pair("tubingen", "starry_night"),  # houses under a pale sky; the textbook's example
    Pair("china", "mona_lisa"),  # a building, an empty sky; an old master's portrait
    Pair("hopper", "starry_night"),  # a face; stars that must not land on it
    Pair("chelsea", "strokes"),  # an animal
    Pair("coffee", "mosaic"),  # smooth things; small hard ones
    Pair("hopper", "waves"),  # a face; a flat drawing
    Pair("flower", "hopper_oil"),  # a blurred ground; a portrait
    Pair("china", "hopper_pencil"),  # a building; a portrait in pencil
    Pair("chelsea", "mona_lisa"),  # an animal's face; a portrait
    Pair("tubingen", "waves"),  # houses; a flat drawing
    Pair("hopper", "mosaic"),  # a face; small hard things
    Pair("coffee", "grass"),  # a dense texture without color
)

HELD_OUT = (
    Pair("rocket", "strokes_11"),  # night, an empty sky, thin towers
    Pair("rocket", "astronaut_oil"),  # an empty sky; a portrait
    Pair("camera", "waves_21"),  # no color; a flat drawing
    Pair("camera", "astronaut_pencil"),  # a skyline, a pale sky; a portrait in pencil
    Pair("astronaut", "mosaic_12"),  # a face; small hard things
    Pair("astronaut", "strokes_11"),  # a face
    Pair("astronaut", "hubble"),  # a face; points of light on black
    Pair("raccoon", "tissue"),  # an animal; a dense texture
    Pair("raccoon", "waves_21"),  # an animal; a flat drawing
    Pair("raccoon", "astronaut_oil"),  # an animal's face; a portrait
    Pair("horse", "mosaic_12"),  # a flat silhouette
    Pair("coins", "tissue"),  # many small things on an empty ground
)

SETS: Mapping[SetName, tuple[Pair, ...]] = {"tune": TUNE, "held-out": HELD_OUT}
