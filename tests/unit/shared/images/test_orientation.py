"""Pictures of every format are turned upright, however the camera was held."""

from __future__ import annotations

import pytest
from PIL import Image

from shared.images.inspect import decode_rgb, inspect_image
from tests.support.images import encode

# Where the corner that people see at the top left lies in the file, and whether the
# file lies on its side: EXIF 3.0, table 7.
CORNERS = {
    1: (0, 0),
    2: (1, 0),
    3: (1, 1),
    4: (0, 1),
    5: (0, 0),
    6: (0, 1),
    7: (1, 1),
    8: (1, 0),
}
SIDEWAYS = {5, 6, 7, 8}


def as_the_sensor_saw_it(orientation):
    """Black with a white corner, and a gray one next to it on the upper edge."""
    width, height = (32, 48) if orientation in SIDEWAYS else (48, 32)
    image = Image.new("RGB", (width, height), "black")
    right, low = CORNERS[orientation]
    along = (right, 1 - low) if orientation in SIDEWAYS else (1 - right, low)
    for color, (x, y) in (("white", (right, low)), ("gray", along)):
        image.paste(color, (x * (width - 16), y * (height - 16),
                            x * (width - 16) + 16, y * (height - 16) + 16))  # fmt: skip
    return image


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "MPO", "PNG", "WEBP", "TIFF", "AVIF"])
def test_the_corner_that_belongs_at_the_top_left_is_there(kind, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    more = {"append_images": [Image.new("RGB", (48, 32))], "save_all": True}
    data = encode(
        as_the_sensor_saw_it(orientation),
        kind,
        exif=exif,
        **(more if kind == "MPO" else {}),
    )

    info = inspect_image(data, 10**6)
    upright = decode_rgb(data)

    assert (info.width, info.height) == upright.size == (48, 32)
    assert upright.getpixel((6, 6))[1] > 220
    assert 90 < upright.getpixel((42, 6))[1] < 165
    assert upright.getpixel((6, 26))[1] < 30
    assert upright.getpixel((42, 26))[1] < 30


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_is_none(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encode(as_the_sensor_saw_it(1), "JPEG", exif=exif)

    assert inspect_image(data, 10**6).width == 48
    assert decode_rgb(data).getpixel((6, 6))[1] > 220
