"""JPEG files that have their pixels painted over and over are refused undecoded."""

from __future__ import annotations

from unittest.mock import Mock

import pytest
from PIL import ImageFile

from shared.errors import ImageUnreadable
from shared.images.decode import MAX_SCANS
from shared.images.inspect import inspect_image
from tests.fuzz.hostile_pictures import repeated_scan
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
