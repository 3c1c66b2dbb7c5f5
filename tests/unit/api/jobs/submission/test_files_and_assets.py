"""A form whose pictures are files and ids of assets, mixed, in the order sent."""

from __future__ import annotations

import io

import pytest

from shared.jobs.submit import LOCAL_OWNER_ID
from shared.queries.jobs import get_job, read_inputs


@pytest.fixture
def asset(api, a_picture):
    """Upload a picture of a color; return its id."""

    def upload(color):
        files = {"file": (io.BytesIO(a_picture(color)), "a.png")}
        return api.client.post("/v1/assets", data=files).json["id"]

    return upload


def send(api, *parts, path="/v1/jobs"):
    """Send a form of (name, file or text), in this order."""
    body = b""
    for name, content in parts:
        about = f'form-data; name="{name}"'
        data = content
        if isinstance(content, str):
            data = content.encode()
        else:
            about += '; filename="a.png"'
        head = f"--x\r\nContent-Disposition: {about}\r\n\r\n".encode()
        body += head + data + b"\r\n"
    kind = "multipart/form-data; boundary=x"
    return api.client.post(path, data=body + b"--x--\r\n", content_type=kind)


def inputs(api, job_id):
    rows = read_inputs(api.db, get_job(api.db, LOCAL_OWNER_ID, job_id).id)
    return {(row.role, row.position): asset.id for row, asset in rows}


def test_files_and_ids_of_assets_stand_in_the_order_sent(api, asset, a_picture):
    photo, first, region = asset("red"), asset("blue"), asset("white")
    parts = [("style", first), ("style", a_picture("green")), ("content", photo),
             ("style", asset("black")), ("region_0", region)]  # fmt: skip

    made = send(api, *parts)

    assert made.status_code == 202, made.text
    found = inputs(api, made.json["id"])
    assert (found["content", 0], found["region", 0]) == (photo, region)
    assert found["style", 0] == first
    assert found["style", 1] == asset("green")  # the file that was sent
    assert found["style", 2] == asset("black")


def test_an_id_that_is_nobodys_is_pointed_at_as_a_part(api, a_picture):
    refused = send(api, ("content", "ast_01JNONE"), ("style", a_picture()))

    assert refused.status_code == 422
    (error,) = refused.json["errors"]
    assert error["pointer"].startswith("/content")
    assert error["code"] == "not-found"


def test_a_path_in_place_of_a_file_is_told_both_ways(api, a_picture):
    refused = send(api, ("content", "photo.jpg"), ("style", a_picture()))

    found = {error["pointer"]: error for error in refused.json["errors"]}
    assert found["/content"]["code"] == "not-a-file"
    assert "content=@picture.jpg" in found["/content"]["detail"]
    assert "content=ast_..." in found["/content"]["detail"]


def test_too_many_pictures_are_counted_with_the_ids(api, asset):
    style = asset("blue")

    refused = send(api, ("content", asset("red")), *[("style", style)] * 9)

    assert "/style" in {error["pointer"] for error in refused.json["errors"]}


def test_an_exploration_takes_both_too(api, asset, a_picture):
    shades = [(shade, 0, 0) for shade in range(0, 90, 10)]
    parts = [("picture", a_picture(shade)) for shade in shades[:8]]

    made = send(api, ("picture", asset(shades[8])), *parts, path="/v1/explorations")

    assert made.status_code == 202, made.text
    assert inputs(api, made.json["id"])["picture", 0] == asset(shades[8])


def test_an_upload_takes_no_id(api, asset):
    refused = send(api, ("file", asset("red")), path="/v1/assets")

    assert refused.status_code == 422
    assert "must be a file" in refused.text
    assert "ast_..." not in refused.text


def test_a_repeated_request_with_ids_is_recognized(api, asset, a_picture):
    photo = asset("red")
    form = {"content": photo, "style": (io.BytesIO(a_picture()), "a.png")}
    again = {"content": photo, "style": (io.BytesIO(a_picture()), "a.png")}
    other = {"content": asset("blue"), "style": (io.BytesIO(a_picture()), "a.png")}
    key = {"Idempotency-Key": "k"}

    answers = [api.client.post("/v1/jobs", data=each, headers=key)
               for each in (form, again, other)]  # fmt: skip
    assert answers[1].headers["Idempotency-Replayed"] == "true"
    assert answers[1].json["id"] == answers[0].json["id"]
    assert answers[2].json["code"] == "idempotency-key-reused"
