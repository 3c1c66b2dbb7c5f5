"""Flags of `run` and `submit`: what is sent, and what is said of wrong ones."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from typing import get_type_hints

import pytest
from typer.testing import CliRunner

from impasto.cli.app import make_app
from impasto.cli.options import JOB_OPTIONS, StyleOptions
from impasto.client import params as client_params
from shared.params.style import StyleParams
from tests.support.fake_api import Answer, job

NOT_PARAMETERS = {
    *("set_", "name", "tags", "mask", "region", "labels", "steer"),
    *JOB_OPTIONS,
}


@pytest.fixture
def pictures(tmp_path):
    for name in ("photo.jpg", "a.jpg", "b.jpg", "m.png", "r.png"):
        (tmp_path / name).write_bytes(name.encode())
    return [tmp_path / name for name in ("photo.jpg", "a.jpg", "b.jpg")]


@pytest.fixture(autouse=True)
def _farm_in_the_environment(farm, monkeypatch):
    monkeypatch.setenv("IMPASTO_API_URL", farm.url)


@pytest.fixture
def submit(farm, impasto, pictures):
    """Submit with some flags; gives the fields and files that arrived, by name."""
    farm.answers("POST /v1/jobs", Answer(202, job()))

    def send(*flags):
        result = impasto("submit", *pictures, *flags)
        assert result.exit_code == 0, result.stderr
        body = farm.seen[-1][3]
        parts = re.findall(rb'name="(\w+)"(?:.*\r\n)+?\r\n(.*)\r\n--', body)
        return [(name.decode(), data.decode()) for name, data in parts]

    return send


@pytest.mark.parametrize("command", ["run", "explore"])
def test_help_says_whose_vgg19_it_is(impasto, command):
    said = "".join(impasto(command, "--help").stdout.split())  # any width

    assert "vgg19:torchvision'sVGG-19(IMAGENET1K_V1)" in said


def test_every_flag_of_a_parameter_is_called_like_it():
    names = {field.name for field in fields(StyleOptions)} - NOT_PARAMETERS

    assert names <= set(StyleParams.model_fields)


def test_a_flag_offers_the_values_of_its_parameter():
    offered = _choices(StyleOptions)
    both = offered.keys() & _choices(client_params.StyleParams).keys()

    assert len(both) >= 10
    for name in both:
        assert offered[name] == _choices(client_params.StyleParams)[name]


def _choices(owner):
    """Literals of the fields of a class that are texts, by field."""
    literals = {
        name: set(re.findall(r"Literal\[('[^]]*)\]", str(hint)))
        for name, hint in get_type_hints(owner).items()
    }
    return {name: found for name, found in literals.items() if found}


def test_a_value_out_of_the_choices_is_refused_and_they_are_named(impasto, pictures):
    result = impasto("submit", *pictures, "--quality", "best")

    assert result.exit_code == 2
    assert "'draft', 'standard', 'fine'" in result.stderr


def test_tags_reach_the_server(submit):
    assert dict(submit("--tag", "sea", "--tag", "night"))["tags"] == '["sea", "night"]'


def test_the_photo_may_come_from_standard_input(farm, pictures):
    farm.answers("POST /v1/jobs", Answer(202, job()))
    arguments = ["submit", "-", str(pictures[1])]

    result = CliRunner().invoke(make_app(), arguments, input=b"bytes of a photo")

    assert result.exit_code == 0, result.stderr
    assert b'name="content"' in farm.seen[-1][3]
    assert b"bytes of a photo" in farm.seen[-1][3]


def test_flags_reach_the_server_as_parameters(submit):
    sent = dict(
        submit(
            *("--color", "chroma", "--averaging", "0.5", "--early-stop", "0.1"),
            *("--style-scale", "2", "--style-loss", "wasserstein"),
            *("--content-loss", "relations"),
            "--seamless",
            *("--pooling", "average", "--tile-px", "256", "--mask-feather", "0"),
            *("--content-layers", "relu4_2,relu3_1=0.5", "--style-layers", "relu1_1"),
        )
    )

    params = json.loads(sent["params"])
    assert params == {
        "color": "chroma", "averaging": 0.5, "early_stop": 0.1, "style_scale": 2,
        "content_loss": "relations",
        "style_loss": "wasserstein", "pooling": "average", "tile_px": 256,
        "mask_feather": 0, "seamless": True,
        "content_layers": {"relu4_2": 1, "relu3_1": 0.5},
        "style_layers": {"relu1_1": 1},
    }  # fmt: skip
    StyleParams(**params)


def test_masks_count_the_styles_from_one_and_travel_from_zero(submit, tmp_path):
    sent = submit(
        *("--mask", f"2={tmp_path / 'm.png'}"),
        *("--region", f"1={tmp_path / 'r.png'}"),
    )

    assert sorted(sent) == [
        ("content", "photo.jpg"),
        ("mask_1", "m.png"),
        ("params", "{}"),
        ("region_0", "r.png"),
        ("style", "a.jpg"),
        ("style", "b.jpg"),
    ]


def test_label_maps_travel_as_files_and_their_weight_as_a_parameter(submit, tmp_path):
    sent = submit(
        *(
            "--content-labels",
            tmp_path / "m.png",
            "--labels",
            f"2={tmp_path / 'r.png'}",
        ),
        *("--guidance-weight", "0.5"),
    )

    assert ("content_labels", "m.png") in sent
    assert ("labels_1", "r.png") in sent
    assert json.loads(dict(sent)["params"]) == {"guidance_weight": 0.5}


def test_planned_changes_are_sent_in_the_order_given(submit):
    sent = dict(
        submit(
            *("--steer", "20:style_weight=20,content_weight=1.5"),
            *("--steer", "120:iterations=80,styles=1/3"),
        )
    )

    assert json.loads(sent["segments"]) == [
        {"from_iteration": 20, "changes": {"style_weight": 20, "content_weight": 1.5}},
        {
            "from_iteration": 120,
            "changes": {"iterations": 80, "styles": [{"weight": 1}, {"weight": 3}]},
        },
    ]


@pytest.mark.parametrize(
    ("flag", "value", "why"),
    [
        ("--mask", "first=m.png", "write N=FILE"),
        ("--mask", "0=m.png", "counted from 1, and there are 2"),
        ("--region", "3=m.png", "counted from 1, and there are 2"),
        ("--mask", "1=none.png", "file 'none.png' does not exist"),
        ("--steer", "20", "write ITERATION:NAME=NUMBER"),
        ("--steer", "-1:tv_weight=1", "write ITERATION:NAME=NUMBER"),
        ("--steer", "20:tv_weight=much", "write ITERATION:NAME=NUMBER"),
        ("--steer", "20:tv_weight=nan", "write ITERATION:NAME=NUMBER"),
        ("--steer", "20:styles=1/x", "write ITERATION:NAME=NUMBER"),
        ("--steer", "20:tv_weight=1,tv_weight=2", "tv_weight is given twice"),
        ("--content-layers", "relu4_2=", "write LAYER=WEIGHT"),
        ("--style-layers", "", "write LAYER=WEIGHT"),
        ("--style-layers", "relu1_1,relu1_1=2", "relu1_1 is given twice"),
        ("--schedule", "128", "128"),
        ("--schedule", "a:b", "a:b"),
        ("--set", "x", "x"),
        ("--set", "x=y", "x=y"),
        ("--set", "tv_weight=NaN", "write KEY=JSON"),
        ("--set", "tv_weight=1e999", "write KEY=JSON"),
        ("--mask", f"1={300 * 'n'}.png", "does not exist"),
        ("--mask", "1=/dev/null", "is not a regular file"),
    ],
)
def test_a_value_that_cannot_be_read_is_wrong_usage_and_says_how_to_write_it(
    impasto, farm, pictures, flag, value, why
):
    result = impasto("submit", *pictures, flag, value)

    assert result.exit_code == 2
    assert result.stderr.startswith(f"error: {flag} {value!r}: ")
    assert why in result.stderr
    assert farm.seen == []


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_a_number_that_is_none_is_refused_by_the_name_of_its_flag(
    impasto, farm, pictures, value
):
    result = impasto("submit", *pictures, f"--style-weight={value}")

    assert result.exit_code == 2
    assert result.stderr == f"error: --style-weight {value}: write a finite number\n"
    assert farm.seen == []


@pytest.mark.parametrize(
    ("photo", "why"),
    [("/dev/null", "is not a regular file"), (300 * "n" + ".jpg", "does not exist")],
)
def test_a_photo_that_is_no_file_is_wrong_usage_and_says_why(
    impasto, farm, pictures, photo, why
):
    result = impasto("submit", photo, pictures[1])

    assert result.exit_code == 2
    assert why in " ".join(result.stderr.split())
    assert farm.seen == []


def test_a_style_has_one_mask(impasto, pictures, tmp_path):
    mask = ("--mask", f"1={tmp_path / 'm.png'}")

    result = impasto("submit", *pictures, *mask, *mask)

    assert result.exit_code == 2
    assert "STYLE 1 has one already" in result.stderr
