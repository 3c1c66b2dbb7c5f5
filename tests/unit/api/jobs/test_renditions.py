"""Results in other formats and sizes than they were made in."""

from __future__ import annotations

import io

import pytest
from PIL import Image


@pytest.fixture
def made(api, a_picture):
    """Finish a job with a picture of 512 x 341; return the address of its result."""

    def make(mode="RGBA", color=(255, 0, 0, 128), **params):
        job_id = api.submitted(**params)
        kind = params.get("format", "png").upper()
        data = a_picture(color=color, size=(512, 341), kind=kind, mode=mode)
        api.finish(api.claimed(), data)
        return f"/v1/jobs/{job_id}/result"

    return make


def opened(response):
    assert response.status_code == 200, response.text
    return Image.open(io.BytesIO(response.data))


@pytest.mark.parametrize("name", ["png", "jpeg", "webp", "tiff"])
def test_the_format_is_what_was_asked_for(client, made, name):
    response = client.get(f"{made()}?format={name}")

    assert response.mimetype == f"image/{name}"
    assert opened(response).format == name.upper()
    assert ".jpg" in response.headers["Content-Disposition"] or name != "jpeg"


def test_transparency_stays_or_is_laid_on_white(client, made):
    url = made()

    kept = opened(client.get(f"{url}?format=webp")).convert("RGBA").getpixel((9, 9))
    laid = opened(client.get(f"{url}?format=jpeg")).getpixel((9, 9))

    assert kept[3] == 128
    assert laid == pytest.approx((255, 127, 127), abs=3)


def test_a_smaller_picture_keeps_its_shape_and_none_is_made_larger(client, made):
    url = made()

    assert opened(client.get(f"{url}?max_edge=128")).size == (128, 85)
    own, larger = client.get(url), client.get(f"{url}?max_edge=4000")
    assert own.data == larger.data
    assert own.headers["ETag"] == larger.headers["ETag"]


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("image/jpeg", "image/jpeg"),
        ("image/webp;q=0.5, image/tiff", "image/tiff"),
        ("image/avif,image/webp,image/*;q=0.8,*/*;q=0.5", "image/png"),  # a browser
        ("image/png;q=0, image/webp", "image/webp"),
        ("image/webp, application/problem+json", "image/webp"),
        (None, "image/png"),
    ],
)
def test_accept_chooses_only_where_it_leaves_the_own_format_out(
    client, made, accept, media_type
):
    response = client.get(made(), headers={"Accept": accept} if accept else {})

    assert response.mimetype == media_type
    assert "Accept" in response.headers["Vary"]


def test_each_rendition_has_an_etag_of_its_own_and_is_304_if_known(client, made):
    url = made()
    wanted = ["", "?format=jpeg", "?format=jpeg&max_edge=64", "?format=webp"]

    tags = [client.get(url + query).headers["ETag"] for query in wanted]

    assert len(set(tags)) == len(tags)
    for query, tag in zip(wanted, tags, strict=True):
        known = client.get(url + query, headers={"If-None-Match": tag})
        assert (known.status_code, known.data) == (304, b"")
        assert known.headers["ETag"] == tag


def test_a_part_of_a_rendition_can_be_had(client, made):
    url = f"{made()}?format=jpeg"

    part = client.get(url, headers={"Range": "bytes=0-1"})

    assert (part.status_code, part.data) == (206, b"\xff\xd8")


@pytest.mark.parametrize(
    ("query", "pointer"),
    [("format=gif", "/format"), ("max_edge=0", "/max_edge"), ("size=9", "/size")],
)
def test_a_wrong_query_is_pointed_at(client, made, query, pointer):
    response = client.get(f"{made()}?{query}")

    assert [one["pointer"] for one in response.json["errors"]] == [pointer]
