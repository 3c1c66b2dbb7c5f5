"""Looking at layers as a person does it: the command line and the whole farm."""

from __future__ import annotations

import json

from PIL import Image

from api.explorations.service import SHIPPED_FOLDER
from tests.acceptance.farm import CONTENT, STYLE

QUICK = ["--layers", "relu1_1,relu2_1", "--top-k", "2", "--max-edge", "64"]


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
    listed = up.run("ls").stdout
    assert "succeeded" in listed
    shown = json.loads(up.run("show", "@last", "--json").stdout)
    assert (shown["kind"], shown["progress"]["fraction"]) == ("explore", 1.0)
    assert shown["progress"]["iterations"] == len(list(SHIPPED_FOLDER.glob("*.jpg")))


def test_own_pictures_are_looked_at_and_eight_are_too_few(up, tmp_path):
    own = sorted(SHIPPED_FOLDER.glob("*.jpg"))[:9]

    few = up.run("explore", *own[:8], *QUICK, "-o", tmp_path / "few")
    nine = up.run("explore", *own, *QUICK, "-o", tmp_path / "nine")

    assert few.returncode == 1
    assert "at least 9" in few.stderr
    assert nine.returncode == 0, nine.stderr


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
    jobs = json.loads(up.run("ls", "--json").stdout)["data"][:4]
    made = {
        (tuple(job["params"]["content_layers"]), job["params"]["style_weight"])
        for job in jobs
    }
    assert made == {
        (("relu1_2",), 1.0),
        (("relu1_2",), 60.0),
        (("relu4_2",), 1.0),
        (("relu4_2",), 60.0),
    }
