"""The commands of docs/api.md work as they stand, in their order, on a real farm."""

from __future__ import annotations

import csv
import re
import shutil
import subprocess

import pytest
from PIL import Image

from tests.acceptance.test_the_main_job import CONTENT, ROOT, STYLE, Farm

PAGE = ROOT / "docs" / "api.md"


@pytest.fixture
def farm(tmp_path, weights_dir):
    farm = Farm(tmp_path, weights_dir)
    farm.up()
    yield farm
    farm.close()


def test_the_page_does_what_it_says(farm, tmp_path):
    if shutil.which("curl") is None:
        pytest.skip("curl: not installed")
    folder = tmp_path / "here"
    folder.mkdir()
    shutil.copy(CONTENT, folder / "photo.jpg")
    shutil.copy(STYLE, folder / "painting.jpg")
    blocks = re.findall(r"```sh\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    script = "set -euo pipefail\n" + "\n".join(blocks)

    done = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env={**farm.environment, "IMPASTO_API_URL": farm.url},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stderr + done.stdout
    assert done.stdout.startswith("200\nTrue\n")
    assert '"pointer": "/styles/0/image"' in done.stdout
    assert "queued -> running" in done.stdout
    assert done.stdout.rstrip().endswith("410")
    sizes = {"result.png": 96, "small.jpg": 64, "result.webp": 96}
    for name, edge in sizes.items():
        with Image.open(folder / name) as picture:
            assert max(picture.size) == edge
            assert (
                picture.format
                == {"p": "PNG", "j": "JPEG", "w": "WEBP"}[name.rpartition(".")[2][0]]
            )
    with (folder / "losses.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["iteration"]) for row in rows] == list(range(1, 17))
    manifest = folder / "manifest.json"
    again = farm.run(
        "reproduce", manifest, folder / "photo.jpg", "-o", folder / "a.png"
    )
    assert again.returncode == 0, again.stderr + again.stdout
    assert (folder / "a.png").read_bytes() == (folder / "result.png").read_bytes()
