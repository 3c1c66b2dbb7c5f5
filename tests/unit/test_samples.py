"""The shipped pictures are small, readable, accounted for, and can be drawn again."""

from __future__ import annotations

import io
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import ExifTags, Image

import samples
from samples.cut_photos import CROPS, EDGE_PX, main
from samples.draw_styles import JPEG_QUALITY, STYLES

if TYPE_CHECKING:
    from collections.abc import Callable

FOLDER = Path(samples.__file__).parent
SHIPPED = sorted(FOLDER.glob("*.jpg"))
PHOTOS = sorted((FOLDER / "photos").glob("*.jpg"))


def test_three_photos_a_painting_and_every_drawn_style_are_shipped() -> None:
    photos, paintings = {"chelsea", "coffee", "tubingen"}, {"starry_night"}
    assert {path.stem for path in SHIPPED} == {*photos, *paintings, *STYLES}


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_sample_is_a_small_readable_picture(path: Path) -> None:
    with Image.open(path) as image:
        image.load()

    assert image.mode == "RGB"
    assert 400 <= max(image.size) <= 896
    assert path.stat().st_size < 300_000


def test_the_photo_that_asks_for_credit_carries_it_and_the_readme_gives_it() -> None:
    with Image.open(FOLDER / "tubingen.jpg") as photo:
        tags = photo.getexif()
    author, license_text = tags[ExifTags.Base.Artist], tags[ExifTags.Base.Copyright]
    assert (author, "CC BY 3.0" in license_text) == ("Andreas Praefcke", True)

    line = next(
        line
        for line in (FOLDER / "README.md").read_text(encoding="utf-8").splitlines()
        if line.startswith("| `tubingen.jpg`")
    )
    assert author in line
    assert "https://creativecommons.org/licenses/by/3.0/" in line


@pytest.mark.parametrize("name", STYLES)
def test_the_same_seed_draws_the_same_picture(name: str) -> None:
    draw: Callable[..., Image.Image] = STYLES[name][0]

    first, again, other = (draw(seed, 32, 24) for seed in (1, 1, 2))

    assert first.size == (32, 24)
    assert first.tobytes() == again.tobytes()
    assert first.tobytes() != other.tobytes()


def test_the_shipped_woodcut_is_what_the_script_draws() -> None:
    draw, seed = STYLES["waves"]
    buffer = io.BytesIO()
    draw(seed).save(buffer, "jpeg", quality=JPEG_QUALITY)

    with Image.open(buffer) as drawn, Image.open(FOLDER / "waves.jpg") as shipped:
        difference = np.asarray(drawn, float) - np.asarray(shipped, float)
    assert np.abs(difference).mean() < 1  # gray level; other versions round otherwise


def test_at_least_fifty_distinct_photos_are_shipped_to_explore_with() -> None:
    data = [path.read_bytes() for path in PHOTOS]

    assert len(set(data)) == len(data) >= 50
    assert sum(map(len, data)) < 2_000_000
    for path in PHOTOS:
        with Image.open(path) as photo:
            assert photo.mode == "RGB"
            assert 64 <= max(photo.size) <= EDGE_PX


def test_the_readme_says_where_every_picture_is_from() -> None:
    text = (FOLDER / "README.md").read_text(encoding="utf-8")

    for path in SHIPPED:
        assert f"`{path.name}`" in text
    for stem in {path.stem.rpartition("-")[0] for path in PHOTOS}:
        assert f"`{stem}-*.jpg`" in text


def test_no_two_crops_of_a_photo_overlap() -> None:
    for boxes in CROPS.values():
        for one, other in combinations(boxes, 2):
            apart = (
                one[2] <= other[0]
                or other[2] <= one[0]
                or one[3] <= other[1]
                or other[3] <= one[1]
            )
            assert apart, (one, other)


def test_the_script_cuts_what_is_shipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From stand-ins of the photos, which only some machines have."""
    for source, boxes in CROPS.items():
        path = tmp_path / "packages" / source
        path.parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "packages" / source.partition("/")[0] / "__init__.py").touch()
        size = (max(box[2] for box in boxes), max(box[3] for box in boxes))
        Image.radial_gradient("L").resize(size).save(path)
    monkeypatch.syspath_prepend(tmp_path / "packages")

    main(tmp_path / "cut")

    cut = sorted((tmp_path / "cut").iterdir())
    assert [path.name for path in cut] == [path.name for path in PHOTOS]
    for path, shipped in zip(cut, PHOTOS, strict=True):
        with Image.open(path) as one, Image.open(shipped) as other:
            assert one.size == other.size
