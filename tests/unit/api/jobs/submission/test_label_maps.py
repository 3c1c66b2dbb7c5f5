"""Label maps of a new job: stored with what they belong to, or refused with the why."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from tests.unit.api.conftest import picture

NEIGHBORS = {"style_loss": "neighbors"}


def label_map(*colors, size=(64, 48)):
    """Stripes of these colors, as a picture with a palette."""
    image = Image.new("RGB", size)
    for number, color in enumerate(colors):
        image.paste(color, (number * size[0] // len(colors), 0, *size))
    buffer = io.BytesIO()
    image.quantize(64).save(buffer, "PNG")
    return buffer.getvalue()


def too_many():
    return label_map(*((5 * number, 0, 0) for number in range(40)))


TWO = label_map("red", "blue")


def files(**maps):
    return [("content", picture()), ("style", picture("blue")), *maps.items()]


def errors(response):
    assert response.status_code == 422, response.text
    return {error["pointer"]: error["code"] for error in response.json["errors"]}


def test_label_maps_are_stored_and_reach_the_worker(api):
    response = api.submit(files(content_labels=TWO, labels_0=TWO), params=NEIGHBORS)

    assert response.status_code == 202, response.text
    params = response.json["params"]
    assert params["content_labels"] == params["styles"][0]["labels"] != None  # noqa: E711
    inputs = api.claimed().inputs
    assert api.storage.get(inputs["content_labels"][0].key) == TWO
    assert api.storage.get(inputs["labels"][0].key) == TWO


def test_labels_of_a_painting_that_the_photo_lacks_are_not_used(api):
    more = label_map("red", "blue", "lime")

    sent = api.submit(files(content_labels=TWO, labels_0=more), params=NEIGHBORS)

    assert sent.status_code == 202, sent.text


def test_labels_of_the_photo_that_no_painting_has_are_named(api):
    more = label_map("red", "lime", "blue", "white")

    response = api.submit(files(content_labels=more, labels_0=TWO), params=NEIGHBORS)

    assert errors(response) == {"/content_labels": "labels-missing"}
    detail = response.json["errors"][0]["detail"]
    assert "#00ff00, #ffffff; those of the paintings are #0000ff, #ff0000" in detail


def test_the_paintings_share_the_labels_of_the_photo(api):
    sent = [
        *files(content_labels=TWO, labels_0=label_map("red")),
        ("style", picture("green")),
        ("labels_1", label_map("blue")),
    ]

    assert api.submit(sent, params=NEIGHBORS).status_code == 202


@pytest.mark.parametrize("loss", ["gram", "wasserstein"])
def test_another_style_loss_takes_no_label_maps(api, loss):
    response = api.submit(
        files(content_labels=TWO, labels_0=TWO), params={"style_loss": loss}
    )

    assert set(errors(response).values()) == {"labels-unused"}
    assert f'this is "{loss}"' in response.json["errors"][0]["detail"]


@pytest.mark.parametrize("name", ["content_labels", "labels_0"])
def test_labels_of_one_side_alone_are_refused(api, name):
    response = api.submit(files(**{name: TWO}), params=NEIGHBORS)

    assert errors(response) == {f"/{name}": "labels-one-sided"}


def test_too_many_colors_are_refused_with_a_way_out(api):
    response = api.submit(
        files(content_labels=too_many(), labels_0=TWO), params=NEIGHBORS
    )

    assert errors(response) == {"/content_labels": "label-map"}
    assert "without smoothing" in response.json["errors"][0]["detail"]


def test_a_label_map_of_another_shape_is_refused(api):
    tall = label_map("red", "blue", size=(48, 64))

    response = api.submit(files(content_labels=tall, labels_0=TWO), params=NEIGHBORS)

    assert errors(response) == {"/content_labels": "mask-shape"}


def test_a_black_label_map_is_a_label_and_not_empty(api):
    black = label_map("black")

    sent = api.submit(files(content_labels=black, labels_0=black), params=NEIGHBORS)

    assert sent.status_code == 202, sent.text


def test_an_unreadable_map_is_the_only_error(api):
    response = api.submit(
        files(content_labels=TWO, labels_0=b"no picture"), params=NEIGHBORS
    )

    assert response.json["code"] == "image-unreadable"
    assert [error["pointer"] for error in response.json["errors"]] == ["/labels_0"]


def test_labels_of_a_style_that_was_not_sent_are_refused(api):
    response = api.submit(files(content_labels=TWO, labels_3=TWO), params=NEIGHBORS)

    assert errors(response)["/labels_3"] == "unused"


@pytest.mark.parametrize("value", [-0.1, 100.5, "1"])
def test_a_guidance_weight_is_0_to_100(api, value):
    response = api.submit(params={**NEIGHBORS, "guidance_weight": value})

    assert set(errors(response)) == {"/params/guidance_weight"}
