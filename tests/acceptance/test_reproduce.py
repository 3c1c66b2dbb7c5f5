"""A picture is made again from its file by the real farm (docs/api.md: a manifest)."""

from __future__ import annotations

import hashlib

import httpx2
from PIL import Image

from tests.acceptance.farm import CONTENT, STYLE
from tests.support.processes import wait_until

TWO_SIZES = ["--max-edge", "96", "--schedule", "64:4,96:10"]
STEERED = ["--steer", "6:tv_weight=1"]
DIFFERENT = 9


def test_a_picture_is_made_again_bit_by_bit_also_from_files(up, tmp_path):
    picture = tmp_path / "first.png"
    done = up.run("run", CONTENT, STYLE, *TWO_SIZES, *STEERED, "-o", picture)
    assert done.returncode == 0, done.stderr

    again = up.run("reproduce", picture, "-o", tmp_path / "again.png")
    digests = forget_pictures(up)
    missing = up.run("reproduce", picture)
    given = up.run("reproduce", picture, STYLE, CONTENT)

    assert again.returncode == 0, again.stderr
    assert again.stdout.strip().endswith("bit-equal")
    assert (tmp_path / "again.png").read_bytes() == picture.read_bytes()
    assert missing.returncode == 1
    assert all(digest in missing.stderr for digest in digests)
    assert given.returncode == 0, given.stderr
    assert given.stdout.strip() == f"{tmp_path / 'first-again.png'}: bit-equal"


def forget_pictures(up):
    """Delete the photo and the painting from the farm; their digests."""
    digests = [
        hashlib.sha256(path.read_bytes()).hexdigest() for path in (CONTENT, STYLE)
    ]
    for asset in httpx2.get(f"{up.url}/v1/assets?limit=100").json()["data"]:
        if asset["sha256"] in digests:
            assert httpx2.delete(f"{up.url}{asset['urls']['self']}").status_code == 204
    return digests


def test_a_picture_guided_by_label_maps_is_made_again(up, tmp_path):
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
    picture = tmp_path / "guided.png"

    done = up.run("run", CONTENT, STYLE, *flags, *labels, "-o", picture)
    again = up.run("reproduce", picture)

    assert done.returncode == 0, done.stderr
    assert again.stdout.strip().endswith("bit-equal"), again.stderr


def test_a_picture_that_was_finished_early_is_made_again(up, tmp_path):
    job_id = up.submitted("--max-edge", "64", "--schedule", "48:5,64:3000")
    up.wait_until_worked_at(job_id)
    wait_until(lambda: up.show(job_id)["progress"]["scale"]["index"] > 0)
    assert up.run("finish", job_id).returncode == 0
    result = wait_until(lambda: up.show(job_id)["urls"]["result"])
    picture = tmp_path / "early.png"
    picture.write_bytes(httpx2.get(f"{up.url}{result}").raise_for_status().content)

    again = up.run("reproduce", picture)

    # The recipes differ in their plans: the pixels have to be the same.
    assert again.stdout.strip().endswith("the same pixels, in a file with other bytes")
    assert again.returncode == DIFFERENT
