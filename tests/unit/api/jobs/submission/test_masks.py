"""Masks and regions of a new job: taken, stored with their styles, or refused."""

from __future__ import annotations

import io

import pytest
from PIL import Image
from sqlalchemy import select

from shared.db.models.assets import Asset
from shared.db.models.jobs import JobInput
from tests.unit.api.conftest import picture

WHITE, BLACK = picture("white"), picture("black")


def two_styles(**masks):
    styles = [("style", picture("blue", (80, 80))), ("style", picture("green"))]
    return [("content", picture()), *styles, *masks.items()]


def errors(response):
    assert response.status_code == 422, response.text
    assert response.json["code"] == "validation"
    return {error["pointer"]: error["code"] for error in response.json["errors"]}


def half():
    image = Image.new("L", (64, 48), 0)
    image.paste(255, (0, 0, 32, 48))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def test_a_mask_and_a_region_are_stored_with_the_style_they_belong_to(api):
    region = picture("white", (40, 40))

    response = api.submit(two_styles(mask_1=half(), region_0=region))

    first, second = response.json["params"]["styles"]
    assert (first["mask"], second["region"]) == (None, None)
    with api.db.read() as session:
        inputs = session.execute(
            select(JobInput.role, JobInput.position, Asset.id)
            .join(Asset, Asset.id == JobInput.asset_id)
            .where(JobInput.role.in_(["mask", "region"]))
            .order_by(JobInput.role)
        ).all()
        stored = session.get(Asset, second["mask"]["asset_id"])
    assert [tuple(one) for one in inputs] == [
        ("mask", 1, second["mask"]["asset_id"]),
        ("region", 0, first["region"]["asset_id"]),
    ]
    assert api.storage.get(stored.key) == half()


def test_the_worker_is_told_which_style_a_mask_belongs_to(api):
    api.submit(two_styles(mask_1=half()))

    inputs = api.claimed().inputs

    assert list(inputs["mask"]) == [1]
    assert api.storage.get(inputs["mask"][1].key) == half()


def test_a_mask_may_have_another_size_than_its_photo(api):
    assert api.submit(two_styles(mask_0=picture("gray", (640, 480)))).status_code == 202


@pytest.mark.parametrize(
    ("masks", "size", "wanted"),
    [
        ({"mask_0": picture("gray", (48, 64))}, "48 x 64", "the photo, 64 x 48"),
        ({"region_0": picture("white", (64, 48))}, "64 x 48", "its painting, 80 x 80"),
        ({"region_1": picture("white", (80, 80))}, "80 x 80", "its painting, 64 x 48"),
    ],
)
def test_a_mask_of_another_shape_is_refused_with_both_sizes(api, masks, size, wanted):
    response = api.submit(two_styles(**masks))

    (pointer,) = [f"/{name}" for name in masks]
    assert errors(response) == {pointer: "mask-shape"}
    detail = response.json["errors"][0]["detail"]
    assert f"has {size} pixels" in detail
    assert f"not the shape of {wanted}: " in detail
    assert "crop" in detail


def test_empty_masks_are_refused_and_all_are_named(api):
    response = api.submit(
        two_styles(mask_0=BLACK, region_1=BLACK, mask_1=picture("gray", (64, 64)))
    )

    assert errors(response) == {
        "/mask_0": "mask-empty",
        "/region_1": "mask-empty",
        "/mask_1": "mask-shape",
    }


def test_a_style_without_a_mask_needs_something_that_the_masks_leave(api):
    refused = api.submit(two_styles(mask_0=WHITE))

    assert errors(refused) == {"/style/1": "mask-leaves-nothing"}
    assert api.submit(two_styles(mask_0=half())).status_code == 202
    assert api.submit(two_styles(mask_0=WHITE, mask_1=WHITE)).status_code == 202


def test_an_empty_mask_is_not_taken_for_none(api):
    refused = api.submit(two_styles(mask_0=WHITE, mask_1=BLACK))

    assert errors(refused) == {"/mask_1": "mask-empty"}


def test_a_mask_of_a_style_that_was_not_sent_is_refused(api):
    response = api.submit(two_styles(mask_2=half(), region_7=WHITE))

    assert errors(response) == {"/mask_2": "unused", "/region_7": "unused"}
    assert "style 2, counted from 0, of 2" in response.json["errors"][0]["detail"]


@pytest.mark.parametrize("name", ["mask", "mask_8", "region_-1", "mask_00"])
def test_a_mask_by_another_name_is_told_how_to_be_called(api, name):
    response = api.submit(two_styles(**{name: half()}))

    assert errors(response) == {f"/{name}": "unknown"}
    assert "mask_<n>" in response.json["errors"][0]["detail"]


def test_two_masks_of_one_style_are_refused(api):
    files = [*two_styles(mask_0=half()), ("mask_0", half())]

    assert errors(api.submit(files)) == {"/mask_0": "too-many"}


def test_a_mask_that_is_no_picture_is_refused_like_any_other(api):
    response = api.submit(two_styles(mask_0=b"no picture"))

    assert response.json["code"] == "image-unreadable"
    assert response.json["errors"][0]["pointer"] == "/mask_0"


def test_a_mask_sent_as_text_is_told_to_be_a_file(api):
    assert errors(api.submit(mask_0="mask.png")) == {"/mask_0": "not-a-file"}


def test_eight_styles_with_all_their_masks_and_regions_are_taken(api):
    styles = [("style", picture(size=(20 + n, 20 + n))) for n in range(8)]
    masks = [(f"mask_{n}", half()) for n in range(8)]
    regions = [(f"region_{n}", picture("white", (20, 20))) for n in range(8)]
    fields = {"params": {}, "name": "all", "segments": "[]"}

    response = api.submit([("content", picture()), *styles, *masks, *regions], **fields)

    assert response.status_code == 202, response.text
