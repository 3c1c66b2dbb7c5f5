"""The commands of docs/api.md work as they stand, in their order, on a real farm."""

from __future__ import annotations

import csv
import re
import shutil
import subprocess

import pytest
from PIL import Image

from tests.acceptance.farm import CONTENT, ROOT, STYLE

PAGE = ROOT / "docs" / "api.md"


@pytest.fixture
def folder(tmp_path):
    """Where somebody has a photo and a painting."""
    folder = tmp_path / "here"
    folder.mkdir()
    shutil.copy(CONTENT, folder / "photo.jpg")
    shutil.copy(STYLE, folder / "painting.jpg")
    return folder


def do_all_it_says(up, folder):
    """Run the commands of the page; what they print."""
    blocks = re.findall(r"```sh\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    done = subprocess.run(
        ["bash", "-c", "set -euo pipefail\n" + "\n".join(blocks)],
        cwd=folder,
        env={**up.environment, "IMPASTO_API_URL": up.url},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def about(path):
    """The long side and the format of a picture."""
    with Image.open(path) as picture:
        return max(picture.size), picture.format


def iterations_in(path):
    with path.open() as file:
        return [int(row["iteration"]) for row in csv.DictReader(file)]


def test_the_page_does_what_it_says(up, folder):
    if shutil.which("curl") is None:
        pytest.skip("curl: not installed")

    said = do_all_it_says(up, folder)

    assert said.startswith("True\n")  # an equal job was there
    assert re.search(r"}\s*succeeded\n", said)
    assert said.rstrip().endswith("True\n410")  # so it was for the same parameters
    assert '"pointer": "/styles/0/image"' in said
    assert "queued -> running" in said
    assert about(folder / "result.png") == (96, "PNG")
    assert about(folder / "small.jpg") == (64, "JPEG")
    assert about(folder / "result.webp") == (96, "WEBP")
    assert iterations_in(folder / "losses.csv") == list(range(1, 17))
    manifest, photo, out = (
        folder / name for name in ("manifest.json", "photo.jpg", "a.png")
    )
    again = up.run("reproduce", manifest, photo, "-o", out)
    assert again.returncode == 0, again.stderr + again.stdout
    assert out.read_bytes() == (folder / "result.png").read_bytes()
