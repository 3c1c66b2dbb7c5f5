"""Files that cost far more than their pixels are refused before they are decoded."""

from __future__ import annotations

from unittest.mock import Mock

import pytest
from PIL import Image, ImageFile

from shared.errors import ImageUnreadable
from shared.images.decode import MAX_CHUNKS, MAX_SCANS
from shared.images.inspect import inspect_image
from tests.fuzz.hostile_pictures import many_chunks, repeated_scan
from tests.support.images import encode, picture

MAX_PIXELS = 64 * 2**20
START = b"\xff\xd8"


def scan_count(data):
    return data.count(b"\xff\xda")


def test_a_jpeg_that_repeats_its_last_scan_is_refused_before_it_is_decoded(monkeypatch):
    hostile = repeated_scan(400)
    load = Mock()
    monkeypatch.setattr(ImageFile.ImageFile, "load", load)

    with pytest.raises(ImageUnreadable, match="more than 100 scans"):
        inspect_image(hostile, MAX_PIXELS)

    assert len(hostile) < 64_000
    load.assert_not_called()


def test_as_many_scans_as_the_limit_are_taken_and_one_more_is_not():
    own = scan_count(repeated_scan(0, (40, 30)))
    most = repeated_scan(MAX_SCANS - own, (40, 30))

    assert scan_count(most) == MAX_SCANS
    assert inspect_image(most, MAX_PIXELS).width == 40
    with pytest.raises(ImageUnreadable, match="scans"):
        inspect_image(repeated_scan(MAX_SCANS - own + 1, (40, 30)), MAX_PIXELS)


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_progressive_pictures_have_far_fewer(mode):
    data = encode(picture(mode), "JPEG", progressive=True)

    assert 1 < scan_count(data) <= 18
    assert inspect_image(data, MAX_PIXELS).width == 40


def test_what_only_looks_like_scans_is_not_counted():
    """Neither in segments, as of thumbnails, nor behind the end of the picture."""
    plain = encode(picture(), "JPEG")
    scans = b"\xff\xda" * 1000
    comment = b"\xff\xfe" + (len(scans) + 2).to_bytes(2, "big") + scans

    for data in (START + comment + plain[2:], plain + scans):
        assert inspect_image(data, MAX_PIXELS).width == 40


@pytest.mark.parametrize(
    "many",
    [
        pytest.param(b"\xff\xfe\0\2" * 20_000, id="empty comments"),
        pytest.param(b"\xff" * 2**21, id="fill bytes"),
        pytest.param(bytes(2**21), id="bytes of no segment"),
    ],
)
def test_millions_of_segments_or_of_bytes_between_them_are_refused(many):
    plain = encode(picture(), "JPEG")

    with pytest.raises(ImageUnreadable, match="segments"):
        inspect_image(START + many + plain[2:], MAX_PIXELS)


def chunk_count(data):
    """Of a PNG; the one that ends it is not counted."""
    position, chunks = 8, 0
    while data[position + 4 : position + 8] != b"IEND":
        position += 12 + int.from_bytes(data[position : position + 4], "big")
        chunks += 1
    return chunks


@pytest.mark.parametrize("name", [b"aaAa", b"IDAT", b"tEXt"])
def test_a_png_with_too_many_chunks_is_refused_before_it_is_decoded(name, monkeypatch):
    hostile = many_chunks(name, b"a\0b", 2 * 2**20)
    opened = Mock()
    monkeypatch.setattr(Image, "open", opened)

    with pytest.raises(ImageUnreadable, match="more than 100,000 chunks"):
        inspect_image(hostile, MAX_PIXELS)

    opened.assert_not_called()


def test_as_many_chunks_as_the_limit_are_taken_and_one_more_is_not():
    own = chunk_count(many_chunks(b"aaAa", b"", 0))
    most = many_chunks(b"aaAa", b"", 12 * (MAX_CHUNKS - own))

    assert chunk_count(most) == MAX_CHUNKS
    assert inspect_image(most, MAX_PIXELS).width == 64
    with pytest.raises(ImageUnreadable, match="chunks"):
        inspect_image(
            many_chunks(b"aaAa", b"", 12 * (MAX_CHUNKS - own + 1)), MAX_PIXELS
        )


def test_what_only_looks_like_chunks_of_a_png_is_not_counted():
    """Nothing behind the end of the picture, where Pillow does not read."""
    plain = encode(picture(), "PNG")

    assert inspect_image(plain + bytes(12 * 2 * MAX_CHUNKS), MAX_PIXELS).width == 40
