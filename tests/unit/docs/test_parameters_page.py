"""docs/parameters.md names every parameter, in the words of the code."""

from __future__ import annotations

import re
from pathlib import Path

from docs.scripts.draw_parameter_sheets import SHEETS
from shared.params.style import StyleParams

PAGE = Path(__file__).parents[3] / "docs" / "parameters.md"
TEXT = PAGE.read_text()


def test_every_parameter_is_there_in_order_with_its_description():
    rows = re.findall(r"^\| `(\w+)` \| .*? \| (.*?) \|$", TEXT, re.MULTILINE)

    fields = StyleParams.model_fields
    assert rows == [(name, field.description or "") for name, field in fields.items()]


def test_every_sheet_is_shown_and_nothing_else():
    shown = re.findall(r"\(pictures/(\w+)\.jpg\)", TEXT)

    assert sorted(shown) == sorted(SHEETS)
    for name in shown:
        assert (PAGE.parent / "pictures" / f"{name}.jpg").stat().st_size > 10_000


def test_every_sheet_is_made_of_valid_parameters():
    for changes in SHEETS.values():
        for change in changes:
            StyleParams(max_edge=256, **change)
