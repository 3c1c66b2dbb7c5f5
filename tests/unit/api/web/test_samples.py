from __future__ import annotations

from io import BytesIO

from PIL import Image

from api.web.samples import FOLDER, SAMPLES, THUMBNAIL_PX

CREDITED = {"tubingen.jpg": "Andreas Praefcke, CC BY 3.0"}


def test_every_shipped_picture_is_offered_and_served(client):
    assert {sample.file for sample in SAMPLES} == {
        path.name for path in FOLDER.glob("*.jpg")
    }
    for sample in SAMPLES:
        served = client.get(f"/samples/{sample.file}")
        assert served.data == (FOLDER / sample.file).read_bytes()
        assert served.mimetype == "image/jpeg"


def test_all_thumbnails_together_are_small(client):
    answers = [client.get(f"/samples/{sample.file}/thumb") for sample in SAMPLES]

    for answer in answers:
        with Image.open(BytesIO(answer.data)) as image:
            assert image.size == (THUMBNAIL_PX, THUMBNAIL_PX)
    assert sum(len(answer.data) for answer in answers) < 20_000


def test_nothing_else_of_the_folder_is_served(client):
    for path in ("README.md", "mosaic.py", "photos/brick-1.jpg", "..%2fLICENSE"):
        assert client.get(f"/samples/{path}").status_code == 404, path
    assert client.get("/samples/README.md/thumb").status_code == 404


def test_pictures_whose_license_asks_for_it_are_credited_on_the_page(client):
    text = client.get("/").text

    for sample in SAMPLES:
        assert CREDITED.get(sample.file, "") in sample.credit
        assert sample.credit in text
