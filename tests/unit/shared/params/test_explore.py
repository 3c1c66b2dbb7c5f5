"""What an exploration may ask for: wrong values are named, defaults filled in."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from shared.params.explore import ExploreParams, unit_count
from shared.params.kinds import PARAMS_BY_KIND, JobKind, kind_of, read_params
from shared.params.networks import layer_names
from shared.params.style import StyleParams


def complaint(**said):
    with pytest.raises(ValidationError) as caught:
        ExploreParams(**said)
    error, *_ = caught.value.errors()
    return error["loc"][0], error["msg"]


def test_by_default_it_shows_the_nine_strongest_units_of_a_layer_of_each_block():
    params = ExploreParams()

    assert params.layers == tuple(f"relu{block}_1" for block in range(1, 6))
    assert (params.units, params.top_k, params.patches) == (None, 9, 9)


def test_units_that_are_named_need_no_top_k():
    assert ExploreParams(units=[3, 7]).top_k is None


def test_an_unknown_layer_is_answered_with_those_that_exist():
    where, what = complaint(layers=["relu3_4"])

    assert where == "layers"
    assert all(name in what for name in layer_names("vgg16"))
    ExploreParams(network="vgg19", layers=["relu3_4"])


@pytest.mark.parametrize(
    ("said", "where", "what"),
    [
        ({"layers": ["relu1_1", "relu1_1"]}, "layers", "twice"),
        ({"layers": []}, "layers", "at least 1"),
        ({"units": [2, 2]}, "units", "twice"),
        ({"units": [64]}, "units", "relu1_1 has no unit 64; its units are 0 to 63"),
        ({"units": [-1]}, "units", "greater than or equal to 0"),
        ({"units": []}, "units", "at least 1"),
        ({"units": [1], "top_k": 2}, "top_k", "not by both"),
        ({"top_k": 0}, "top_k", "greater than or equal to 1"),
        ({"top_k": 65}, "top_k", "less than or equal to 64"),
        ({"patches": 10}, "patches", "less than or equal to 9"),
        ({"max_edge": 32}, "max_edge", "greater than or equal to 64"),
        ({"units_": [1]}, "units_", "not permitted"),
    ],
)
def test_wrong_values_are_named(said, where, what):
    at, message = complaint(**said)

    assert at == where
    assert what in message


def test_a_unit_that_a_deeper_layer_has_is_fine_there():
    assert ExploreParams(layers=["relu5_1"], units=[511]).units == (511,)
    assert unit_count("relu5_1") == 512


@pytest.mark.parametrize("kind", JobKind)
def test_the_parameters_of_every_kind_are_read_back_as_what_they_were(kind):
    params = PARAMS_BY_KIND[kind]()

    assert kind_of(params) is kind
    assert read_params(kind, params.model_dump(mode="json")) == params


def test_the_kinds_are_those_with_parameters():
    assert set(PARAMS_BY_KIND) == set(JobKind)
    assert set(PARAMS_BY_KIND.values()) == {StyleParams, ExploreParams}
