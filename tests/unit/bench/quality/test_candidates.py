"""Who paints is said on the command line; pictures of others are files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PIL import Image

from bench.quality.candidates import (
    Candidate,
    NoPicture,
    PaintedFolder,
    parse_candidate,
)
from bench.quality.options import DEFAULT, parse_options
from bench.quality.pairs import HELD_OUT, TUNE, Pair

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("word", "params"),
    [
        ("x", {}),
        ("x:", {}),
        ("x:style_weight=2.5", {"style_weight": 2.5}),
        ("x:quality=draft, tv_weight=0", {"quality": "draft", "tv_weight": 0}),
        (
            'x:style_layers={"relu1_1": 1, "relu2_1": 2},schedule=[[64,3],[128,4]]',
            {
                "style_layers": {"relu1_1": 1, "relu2_1": 2},
                "schedule": [[64, 3], [128, 4]],
            },
        ),
    ],
)
def test_parameters_are_json_or_words(word: str, params: dict[str, object]) -> None:
    assert parse_candidate(word) == Candidate("x", params)


@pytest.mark.parametrize("word", [":tv_weight=0", "a/b", "x:tv_weight", "x:a=1 b=2"])
def test_other_texts_are_refused(word: str) -> None:
    with pytest.raises(ValueError, match=r"is no name|is not NAME|comma is missing"):
        parse_candidate(word)


def test_our_defaults_paint_unless_others_are_named() -> None:
    assert parse_options([]).candidates == (DEFAULT,)
    assert parse_options([]).pairs == TUNE

    options = parse_options(
        ["--picture-dir", "theirs=/a/b", "--picture-dir", "/a/c", "--set", "held-out"]
    )

    assert [candidate.name for candidate in options.candidates] == ["theirs", "c"]
    assert options.pairs == HELD_OUT
    assert parse_options(["--pairs", "2"]).pairs == TUNE[:2]


def test_parameters_are_checked_before_anything_is_painted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        parse_options(["--candidate", "x:style_loss=magic"])

    assert "x: 1 validation error for StyleParams" in capsys.readouterr().err


def test_missing_pictures_of_others_are_named(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "chelsea-strokes.png")
    folder = PaintedFolder("theirs", tmp_path)

    folder.require([Pair("chelsea", "strokes")])
    with pytest.raises(NoPicture, match=r"no \.png of coffee-waves"):
        folder.require([Pair("chelsea", "strokes"), Pair("coffee", "waves")])
