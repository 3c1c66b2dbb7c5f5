"""docs/layers.md names every parameter of an exploration, and shows its sheets."""

from __future__ import annotations

import re
from pathlib import Path

from docs.scripts.draw_layer_sheets import UNITS
from shared.params.explore import ExploreParams
from shared.params.networks import layer_names
from worker.engine.vgg.receptive_field import compute_receptive_field

PAGE = Path(__file__).parents[3] / "docs" / "layers.md"
TEXT = PAGE.read_text(encoding="utf-8")


def test_every_parameter_is_there_in_order_with_its_description():
    rows = re.findall(r"^\| `(\w+)` \| .*? \| (.*?) \|$", TEXT, re.MULTILINE)

    fields = ExploreParams.model_fields
    assert rows == [(name, field.description or "") for name, field in fields.items()]


def test_a_sheet_of_each_block_is_shown_and_each_picture_is_there():
    shown = re.findall(r"\(pictures/(\w+)\.jpg\)", TEXT)

    assert shown == [*(f"layer_{layer}" for layer in UNITS), "sheet"]
    assert [layer[4] for layer in UNITS] == list("12345")
    for name in shown:
        assert (PAGE.parent / "pictures" / f"{name}.jpg").stat().st_size > 10_000
    for layer, units in UNITS.items():
        ExploreParams(layers=(layer,), units=units)


def test_the_sizes_of_receptive_fields_are_those_of_the_engine():
    told = re.findall(r"^\| `relu(\d)_\*` \| (\d+) to (\d+) px", TEXT, re.MULTILINE)

    names = layer_names("vgg16")
    for block, smallest, largest in told:
        sizes = [
            compute_receptive_field("vgg16", name).size
            for name in names
            if name[4] == block
        ]
        assert [min(sizes), max(sizes)] == [int(smallest), int(largest)]
    assert len(told) == 5
