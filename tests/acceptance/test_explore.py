"""Looking at layers as a person does it: the command line and the whole farm."""

from __future__ import annotations

import json

import httpx2
from PIL import Image

from api.explorations.service import SHIPPED_FOLDER
from tests.acceptance.farm import CONTENT, STYLE

QUICK = ["--layers", "relu1_1,relu2_1", "--top-k", "2", "--max-edge", "64"]


def jobs(up, count):
    """The latest jobs, newest first."""
    address = f"{up.url}/v1/jobs?limit={count}"
    return httpx2.get(address).raise_for_status().json()["data"]


def test_the_shipped_photos_become_sheets_in_a_folder(up, tmp_path):
    folder = tmp_path / "sheets"

    done = up.run("explore", *QUICK, "-o", folder)

    assert done.returncode == 0, done.stderr
    names = ["relu1_1.png", "relu2_1.png", "patches.json"]
    assert done.stdout.splitlines() == [str(folder / name) for name in names]
    places = json.loads((folder / "patches.json").read_text())
    assert len(places["patches"]) == 2 * 2 * 9
    for name in names[:2]:
        with Image.open(folder / name) as sheet:
            assert sheet.width > 9 * 32
    (shown,) = jobs(up, 1)
    assert (shown["kind"], shown["progress"]["fraction"]) == ("explore", 1.0)
    assert shown["progress"]["iterations"] == len(list(SHIPPED_FOLDER.glob("*.jpg")))


def test_a_sheet_shows_one_photo_over_layers_and_style_weights(up, tmp_path):
    out = tmp_path / "sheet.png"
    axes = ["--layers", "relu1_2,relu4_2", "--style-weights", "1,60"]

    done = up.run(
        "sheet", CONTENT, STYLE, *axes, "--schedule", "64:3", "-o", out
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert "4 of 4" in done.stderr
    with Image.open(out) as sheet:
        assert sheet.width > 2 * 64
    made = {
        (tuple(job["params"]["content_layers"]), job["params"]["style_weight"])
        for job in jobs(up, 4)
    }
    assert made == {
        (("relu1_2",), 1.0),
        (("relu1_2",), 60.0),
        (("relu4_2",), 1.0),
        (("relu4_2",), 60.0),
    }
