"""A picture is made again from its file, or from a manifest, by the real farm."""

from __future__ import annotations

import json

import httpx2
import pytest
from PIL import Image

from tests.acceptance.test_style_job import CONTENT, STYLE, Farm

TWO_SIZES = [
    "--max-edge",
    "96",
    "--schedule",
    "64:6,96:60",
    "--steer",
    "20:tv_weight=1",
]
DIFFERENT = 9


@pytest.fixture
def farm(tmp_path, weights_dir):
    farm = Farm(tmp_path, weights_dir)
    farm.up()
    yield farm
    farm.close()


def test_a_picture_and_a_manifest_are_made_again_bit_by_bit(farm, tmp_path):
    picture = tmp_path / "first.png"
    done = farm.run("run", CONTENT, STYLE, *TWO_SIZES, "-o", picture)
    assert done.returncode == 0, done.stderr
    job_id = json.loads(farm.run("ls", "--json").stdout)["data"][0]["id"]
    manifest = tmp_path / "manifest.json"
    manifest.write_text(httpx2.get(f"{farm.url}/v1/jobs/{job_id}/manifest").text)

    for file in (picture, manifest):
        again = farm.run("reproduce", file, "-o", tmp_path / "again.png")

        assert again.returncode == 0, again.stderr
        assert again.stdout.strip().endswith("bit-equal")
        assert (tmp_path / "again.png").read_bytes() == picture.read_bytes()


def test_a_picture_guided_by_label_maps_is_made_again(farm, tmp_path):
    flags = ["--max-edge", "64", "--schedule", "64:5", "--style-loss", "neighbors"]
    for name, picture, colors in (
        ("c", CONTENT, ("red", "blue")),
        ("s", STYLE, ("blue", "red")),
    ):
        with Image.open(picture) as opened:
            width, height = opened.size
        label_map = Image.new("RGB", (width, height), colors[1])
        label_map.paste(colors[0], (0, 0, width // 2, height))
        label_map.save(tmp_path / f"{name}.png")
    labels = ["--content-labels", tmp_path / "c.png"]
    labels += ["--labels", f"1={tmp_path / 's.png'}"]
    guided, free = tmp_path / "guided.png", tmp_path / "free.png"

    for picture, given in ((guided, labels), (free, [])):
        done = farm.run("run", CONTENT, STYLE, *flags, *given, "-o", picture)
        assert done.returncode == 0, done.stderr
    again = farm.run("reproduce", guided)

    assert again.stdout.strip().endswith("bit-equal"), again.stderr
    with Image.open(guided) as one, Image.open(free) as other:
        assert one.tobytes() != other.tobytes()


def test_a_picture_that_was_finished_early_is_made_again(farm, tmp_path):
    job_id = farm.submitted("--max-edge", "64", "--schedule", "48:5,64:3000")
    farm.wait_until_worked_at(job_id)
    while farm.show(job_id)["progress"]["scale"]["index"] == 0:
        pass
    assert farm.run("finish", job_id).returncode == 0
    assert farm.run("watch", job_id).returncode == 0
    picture = tmp_path / "early.png"
    assert farm.run("download", job_id, "-o", picture).returncode == 0

    again = farm.run("reproduce", picture)

    # The recipes differ in their plans: the pixels have to be the same.
    assert again.stdout.strip().endswith("the same pixels, in a file with other bytes")
    assert again.returncode == DIFFERENT


def test_missing_pictures_are_named_and_taken_from_files(farm, tmp_path):
    picture = tmp_path / "first.png"
    assert farm.run("run", CONTENT, STYLE, "--max-edge", "64", "--schedule", "64:5",
                    "-o", picture).returncode == 0  # fmt: skip
    assets = httpx2.get(f"{farm.url}/v1/assets").json()["data"]
    for asset in assets:
        assert httpx2.delete(f"{farm.url}{asset['urls']['self']}").status_code == 204

    missing = farm.run("reproduce", picture)
    given = farm.run("reproduce", picture, STYLE, CONTENT)

    assert missing.returncode == 1
    assert all(asset["sha256"] in missing.stderr for asset in assets)
    assert given.returncode == 0, given.stderr
    assert given.stdout.strip() == f"{tmp_path / 'first-again.png'}: bit-equal"
