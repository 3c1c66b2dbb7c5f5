"""Formats by name and by flag, and the recipe of a picture file."""

from __future__ import annotations

import json

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tests.support.fake_api import Answer, job

JOB = job()["id"]
SELF = f"GET /v1/jobs/{JOB}"


@pytest.fixture(autouse=True)
def _a_farm_that_paints_and_a_folder_of_our_own(farm, monkeypatch, tmp_path):
    monkeypatch.setenv("IMPASTO_API_URL", farm.url)
    monkeypatch.chdir(tmp_path)
    for name in ("photo.jpg", "painting.jpg"):
        (tmp_path / name).write_bytes(name.encode())
    farm.answers("POST /v1/jobs", Answer(202, job()))
    farm.answers(SELF, Answer(body=job("succeeded")))
    farm.answers(f"GET /v1/jobs/{JOB}/result", Answer(body=b"picture"))


def asked(farm):
    """The parameters that were sent with the first request."""
    body = farm.seen[0][3]
    start = body.index(b'name="params"')
    return json.loads(body[body.index(b"{", start) : body.index(b"\r\n--", start)])


@pytest.mark.parametrize(
    ("words", "params"),
    [
        (["-o", "a.png"], {}),
        (["-o", "a"], {}),
        (["-o", "a.TIF"], {"format": "tiff"}),
        (["-o", "a.jpg"], {"format": "jpeg"}),
        (["-o", "a.webp", "--format", "png"], {"format": "png"}),
        (["-o", "a.webp", "--set", 'format="tiff"'], {"format": "tiff"}),
        (["-o", "a.png", "--bit-depth", "16"], {"bit_depth": 16}),
        (["-o", "a.png", "--no-embed-recipe"], {"embed_recipe": False}),
    ],
)
def test_the_name_of_the_picture_chooses_its_format_unless_a_flag_does(
    farm, impasto, words, params
):
    result = impasto("run", "photo.jpg", "painting.jpg", *words)

    assert (result.exit_code, result.stdout) == (0, f"{words[1]}\n")
    assert asked(farm) == params


def test_a_picture_without_a_name_is_called_after_its_format(
    impasto,
):
    result = impasto("run", "photo.jpg", "painting.jpg", "--format", "jpeg")

    assert result.stdout == "photo-painting.jpg\n"


@pytest.mark.parametrize(
    ("media_type", "name"),
    [("image/png", f"{JOB}.png"), ("image/jpeg", f"{JOB}.jpg")],
)
def test_a_download_is_called_after_its_job_and_format(farm, impasto, media_type, name):
    output = {"url": f"/v1/jobs/{JOB}/result", "media_type": media_type}
    farm.answers(SELF, Answer(body=job("succeeded", outputs=[output])))

    assert impasto("download", JOB).stdout == f"{name}\n"


def test_recipe_prints_what_a_picture_file_tells(impasto, tmp_path):
    path = tmp_path / "a.png"
    text = PngInfo()
    text.add_text("impasto", '{"recipe": 1}')
    Image.new("RGB", (16, 16)).save(path, pnginfo=text)

    result = impasto("recipe", path)

    assert (result.exit_code, json.loads(result.stdout)) == (0, {"recipe": 1})


def test_a_reproduction_needs_a_file_since_it_is_compared(farm, impasto, tmp_path):
    manifest = {"manifest": 1, "kind": "style", "result": {"sha256": "ab" * 32}}
    manifest |= {"inputs": {}, "params": {}}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))

    result = impasto("reproduce", "manifest.json", "-o", "-")

    assert (result.exit_code, farm.seen) == (1, [])
    assert "-o PATH" in result.stderr


def test_recipe_of_a_file_that_has_none_is_an_error_with_a_hint(impasto):
    result = impasto("recipe", "photo.jpg")

    assert (result.exit_code, result.stdout) == (1, "")
    assert "no recipe" in result.stderr


def test_the_client_chooses_the_format_by_the_name_too(farm, client):
    client.run("photo.jpg", ["painting.jpg"], save_to="a.tif", seed=3)
    client.run("photo.jpg", ["painting.jpg"], save_to="a.tif", format="png")

    assert asked(farm) == {"format": "tiff", "seed": 3}
    farm.seen[:] = [each for each in farm.seen if each[0] == "POST"][1:]
    assert asked(farm) == {"format": "png"}
