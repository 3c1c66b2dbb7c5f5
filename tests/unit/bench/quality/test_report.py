"""The report names the controls, and has the figures that were measured."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch
from PIL import Image

from bench.quality.options import parse_options
from bench.quality.pairs import Pair
from bench.quality.report import (
    IDT,
    TGT,
    PairResult,
    format_report,
    save_report,
)
from bench.quality.scores import Scores
from bench.quality.session import Session

if TYPE_CHECKING:
    from pathlib import Path

SCORES = Scores(0.5, 0.6, 0.7, 0.1, 40.0, 0.3, 0.9)


def make_result(pair: str, style: float) -> PairResult:
    bold = replace(SCORES, style=style, cfsd=10 * style)
    scores = {IDT: SCORES, TGT: SCORES, "bold": bold}
    pictures = {
        "photo": Image.new("RGB", (40, 30), "red"),
        "painting": Image.new("RGB", (30, 60), "green"),
        "bold": Image.new("RGB", (40, 30), "blue"),
    }
    return PairResult(pair, scores, {"bold": {"cpu_s": 1.0}}, pictures)


RESULTS = [
    make_result(name, style) for name, style in zip("abc", (1, 2, 6), strict=True)
]
OPTIONS = parse_options(["--candidate", "bold:style_weight=20", "--edge", "128"])


def test_a_row_has_mean_and_median_and_the_controls_have_theirs() -> None:
    text = format_report(RESULTS, {"machine": "mine"}, OPTIONS)

    rows = [line.split(" | ")[:2] for line in text.splitlines() if line.startswith("|")]
    assert rows[2:] == [
        ["| IDT: the photo itself", "0.500 / 0.500"],
        ["| TGT: the painting itself", "0.500 / 0.500"],
        ["| bold", "3.000 / 2.000"],
    ]
    assert text.splitlines()[8].endswith("| 0.750 / 0.500 |")  # 10, 20, 60 over 40
    assert "LPIPS, own VGG-16 weights" in text
    assert "machine: mine" in text
    assert "pairs: 3 of the set `tune`" in text
    assert '- bold: `{"style_weight": 20}`' in text


def test_every_score_is_kept(tmp_path: Path) -> None:
    save_report(RESULTS, {}, replace(OPTIONS, work=tmp_path))

    figures = json.loads((tmp_path / "quality.json").read_text())
    assert figures["c"]["scores"]["bold"]["style"] == 6
    assert figures["a"]["figures"] == {"bold": {"cpu_s": 1.0}}
    assert (tmp_path / "quality.jpg").exists()


@pytest.mark.weights
@pytest.mark.usefixtures("weights_dir", "measured_here")
def test_a_pair_is_painted_scored_and_can_be_scored_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With stand-ins for the heads of LPIPS, which come from the package index."""
    monkeypatch.setattr("bench.quality.scores.SCORED_EDGE_PX", 48)
    pack_heads(tmp_path)
    words = ["--edge", "64", "--candidate", "quick:schedule=[[64,4]]"]
    pairs = (Pair("chelsea", "strokes"),)
    options = replace(parse_options([*words, "--work", str(tmp_path)]), pairs=pairs)

    (result,) = Session(options).run()

    scores = result.scores
    assert list(scores) == [IDT, TGT, "quick"]
    assert scores[TGT].style < scores["quick"].style < scores[IDT].style
    assert scores[TGT].coverage < scores[IDT].coverage
    assert scores[TGT].palette < scores["quick"].palette < scores[IDT].palette
    assert 0 == scores[IDT].cfsd < scores["quick"].cfsd < scores[TGT].cfsd
    assert list(result.pictures) == ["photo", "painting", "quick"]
    assert result.figures["quick"]["cpu_s"] > 0
    folder = f"again={tmp_path / 'painted' / 'quick'}"
    again = replace(
        parse_options(["--picture-dir", folder, "--work", str(tmp_path)]), pairs=pairs
    )
    (second,) = Session(again).run()
    assert second.scores["again"] == scores["quick"]
    assert second.figures == {}


def pack_heads(work: Path) -> None:
    widths = (64, 128, 256, 512, 512)
    heads = {
        f"lin{at}.model.1.weight": torch.full((1, channels, 1, 1), 0.1)
        for at, channels in enumerate(widths)
    }
    buffer = io.BytesIO()
    torch.save(heads, buffer)
    (work / "packages").mkdir()
    with zipfile.ZipFile(
        work / "packages" / "lpips-0.1.4-py3-none-any.whl", "w"
    ) as wheel:
        wheel.writestr("lpips/weights/v0.1/vgg.pth", buffer.getvalue())
