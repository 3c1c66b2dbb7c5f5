"""The parameters a client may send, and what is said about wrong ones."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from shared.params.networks import layer_names
from shared.params.schedule import MAX_ITERATIONS, make_schedule
from shared.params.style import StyleLoss, StyleParams


def wrong_fields(values):
    with pytest.raises(ValidationError) as caught:
        StyleParams.model_validate(values)
    return {error["loc"][0] for error in caught.value.errors()}


def test_the_schedule_and_the_optimizer_are_stored_in_full():
    params = StyleParams()

    assert params.stages[-1][0] == params.max_edge == 512
    assert params.schedule == make_schedule("standard", 512)
    assert params.optimizer == "lbfgs"


def test_layers_that_see_whole_faces_count_little_or_nothing_by_default():
    weights = StyleParams().style_layers

    assert "relu5_1" not in weights
    assert weights["relu4_1"] <= weights["relu3_1"] / 4


def test_large_pictures_are_optimized_by_adam():
    assert StyleParams(max_edge=1024).optimizer == "lbfgs"
    assert StyleParams(max_edge=1025).optimizer == "adam"
    assert StyleParams(max_edge=2048, optimizer="gd").optimizer == "gd"


def test_every_wrong_value_is_named_at_once():
    assert wrong_fields(
        {
            "max_edge": 1,
            "bogus": 1,
            "content_layers": {"conv9": 1},
            "style_layers": {"relu1_1": 0},
            "style_weight": -1,
            "seed": "x",
            "optimizer": "magic",
            "styles": [{"weight": 0}],
        }
    ) == {
        "max_edge",
        "bogus",
        "content_layers",
        "style_layers",
        "style_weight",
        "seed",
        "optimizer",
        "styles",
    }


@pytest.mark.parametrize("name", ["jpeg", "webp"])
def test_sixteen_bits_need_a_format_that_holds_them(name):
    with pytest.raises(ValidationError, match="use format png or tiff") as caught:
        StyleParams(format=name, bit_depth=16)

    assert caught.value.errors()[0]["loc"] == ("bit_depth",)
    assert StyleParams(format="tiff", bit_depth=16).bit_depth == 16


def test_a_wrong_format_is_named_alone():
    assert wrong_fields({"format": "gif", "bit_depth": 16}) == {"format"}


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("schedule", {"schedule": [[512, 10], [256, 10]]}),
        ("schedule", {"schedule": [[128, 10], [256, 10]]}),
        ("schedule", {"schedule": []}),
        ("schedule", {"schedule": [[512, MAX_ITERATIONS + 1]]}),
        ("tv_weight", {"content_weight": 0, "style_weight": 0, "tv_weight": 0}),
        ("content_layers", {"content_layers": {"relu4_2": 0}}),
        ("style_layers", {"style_layers": {"relu3_4": 1}}),
        ("init_image", {"init_image": {"asset_id": "ast_1"}}),
        ("style_weight", {"style_weight": float("nan")}),
        ("styles", {"styles": [{}] * 9}),
        ("max_edge", {"max_edge": 8193}),
        ("pooling", {"pooling": "min"}),
        ("style_loss", {"style_loss": "histogram"}),
        ("color", {"color": "content"}),
        ("style_scale", {"style_scale": 0.2}),
        ("style_scale", {"style_scale": 4.1}),
        ("style_scale", {"style_scale": float("nan")}),
        ("style_scale", {"style_scale": 2.1, "max_edge": 4096}),
    ],
)
def test_a_value_that_makes_no_sense_is_refused(field, values):
    assert wrong_fields(values) == {field}


def test_vgg19_has_a_fourth_layer_in_its_deeper_blocks():
    layers = {"relu3_4": 1.0}

    assert StyleParams(network="vgg19", style_layers=layers).style_layers == layers
    assert set(layer_names("vgg19")) - set(layer_names("vgg16")) == {
        "relu3_4",
        "relu4_4",
        "relu5_4",
    }


@given(
    st.sampled_from(["draft", "standard", "fine"]),
    st.integers(min_value=64, max_value=8192),
)
def test_every_schedule_grows_to_the_size_asked_for(quality, max_edge):
    params = StyleParams(quality=quality, max_edge=max_edge)
    sides = [side for side, _ in params.stages]

    assert sides == sorted(set(sides))
    assert sides[-1] == max_edge
    assert sides[0] < 192


def test_parameters_stored_before_an_ability_existed_mean_what_they_meant():
    newer = {"pooling", "content_loss", "style_loss", "style_scale", "color"}
    stored = StyleParams().model_dump(mode="json", exclude=newer)

    params = StyleParams.model_validate(stored)

    assert params == StyleParams()
    assert params.model_dump(include=newer) == {
        "pooling": "max",
        "content_loss": "squared",
        "style_loss": "gram",
        "style_scale": 1.0,
        "color": "style",
    }


def test_large_styles_are_fine_up_to_the_limit():
    assert StyleParams(style_scale=4, max_edge=2048).style_scale == 4


def test_parameters_survive_the_way_through_json():
    params = StyleParams(max_edge=700, seed=3).with_images(
        {"content": {0: "ast_1"}, "style": {0: "ast_2"}}
    )

    assert StyleParams.model_validate(params.model_dump(mode="json")) == params


@pytest.mark.parametrize("style_loss", get_args(StyleLoss))
def test_the_style_loss_chooses_the_style_layers_unless_they_are_told(style_loss):
    found = StyleParams(style_loss=style_loss).style_layers
    told = StyleParams(style_loss=style_loss, style_layers={"relu2_1": 2}).style_layers

    assert ("relu4_3" in found) == (style_loss == "neighbors")
    assert len(found) == (10 if style_loss == "neighbors" else 4)
    assert told == {"relu2_1": 2}
