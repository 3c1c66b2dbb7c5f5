"""The shipped pictures are small, readable, accounted for, and can be drawn again."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

import samples
from samples.draw_styles import JPEG_QUALITY, STYLES

if TYPE_CHECKING:
    from collections.abc import Callable

FOLDER = Path(samples.__file__).parent
SHIPPED = sorted(FOLDER.glob("*.jpg"))


def test_every_style_and_two_photos_are_shipped() -> None:
    assert {path.stem for path in SHIPPED} == {"chelsea", "coffee", *STYLES}


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_sample_is_a_small_readable_picture(path: Path) -> None:
    with Image.open(path) as image:
        image.load()

    assert image.mode == "RGB"
    assert 400 <= max(image.size) <= 768
    assert path.stat().st_size < 300_000


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_the_readme_says_where_a_sample_is_from(path: Path) -> None:
    assert f"`{path.name}`" in (FOLDER / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", STYLES)
def test_the_same_seed_draws_the_same_picture(name: str) -> None:
    draw: Callable[..., Image.Image] = STYLES[name][0]

    first, again, other = (draw(seed, 64, 48) for seed in (1, 1, 2))

    assert first.size == (64, 48)
    assert first.tobytes() == again.tobytes()
    assert first.tobytes() != other.tobytes()


def test_the_shipped_woodcut_is_what_the_script_draws() -> None:
    draw, seed = STYLES["waves"]
    buffer = io.BytesIO()
    draw(seed).save(buffer, "jpeg", quality=JPEG_QUALITY)

    with Image.open(buffer) as drawn, Image.open(FOLDER / "waves.jpg") as shipped:
        difference = np.asarray(drawn, float) - np.asarray(shipped, float)
    assert np.abs(difference).mean() < 1  # gray level; other versions round otherwise
