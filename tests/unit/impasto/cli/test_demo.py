"""The demo's last line, its triptych, and what it does not inherit."""

from __future__ import annotations

import pytest
from PIL import ExifTags, Image

from impasto.cli.demo import (
    CONTENT,
    CREDIT,
    STYLE,
    _isolated_environment,
    run_demo,
    save_triptych,
)


def test_the_triptych_has_three_panels_of_one_height_and_a_credit(tmp_path):
    paths = []
    for name, size in (("a", (100, 50)), ("b", (50, 100)), ("c", (80, 80))):
        paths.append(tmp_path / f"{name}.png")
        Image.new("RGB", size).save(paths[-1])

    save_triptych(paths, tmp_path / "row.jpg", "by A. Painter")

    with Image.open(tmp_path / "row.jpg") as row:
        assert row.size == (720 + 180 + 360 + 16, 360)
        assert row.getexif()[ExifTags.Base.Copyright] == "by A. Painter"


def test_a_demo_that_cannot_run_gives_its_reason_in_the_last_line(
    tmp_path, monkeypatch, capfd
):
    (tmp_path / "vgg16.safetensors").touch()
    monkeypatch.setenv("IMPASTO_WEIGHTS_DIR", str(tmp_path))
    monkeypatch.setenv("IMPASTO_LEASE_SECONDS", "nonsense")

    code = run_demo(tmp_path / "demo")

    said = capfd.readouterr()
    assert code == 1
    assert said.out.splitlines()[-1].startswith("demo: failed: cannot check the data")
    assert "IMPASTO_LEASE_SECONDS" in said.err


@pytest.mark.parametrize("name", ["IMPASTO_API_URL", "IMPASTO_DATABASE_URL"])
def test_the_demo_keeps_to_its_own_farm(name):
    inherited = {name: "x", "PATH": "/bin"}

    assert _isolated_environment(inherited) == {"PATH": "/bin"}


def test_the_demo_credits_the_authors_that_its_pictures_name():
    for path in (CONTENT, STYLE):
        with Image.open(path) as picture:
            assert picture.getexif()[ExifTags.Base.Artist] in CREDIT
    with Image.open(CONTENT) as photo:
        license_url = photo.getexif()[ExifTags.Base.Copyright].rpartition(" ")[2]
    assert license_url in CREDIT
