"""Uploaded pictures: sent once, named by their ids and digests from then on."""

from __future__ import annotations

import hashlib
import io
from base64 import b64encode

import pytest


def sha256(data):
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def upload(client):
    def post(data, headers=None, **fields):
        form = {"file": (io.BytesIO(data), "photo.png"), **fields}
        return client.post("/v1/assets", data=form, headers=headers)

    return post


def test_an_upload_is_201_and_the_same_once_more_200(api, upload, a_picture):
    first, second = upload(a_picture()), upload(a_picture())

    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json == second.json
    assert first.json["sha256"] == sha256(a_picture())
    assert (first.json["width"], first.json["height"]) == (64, 48)
    assert first.headers["Location"] == first.json["urls"]["self"]
    assert len(list(api.storage.blobs())) == 1


def test_the_addresses_of_an_asset_lead_to_it(client, upload, a_picture):
    asset = upload(a_picture()).json

    assert client.get(asset["urls"]["self"]).json == asset
    content = client.get(asset["urls"]["content"])
    assert content.data == a_picture()
    assert content.headers["ETag"] == f'"{asset["sha256"]}"'
    assert "immutable" in content.headers["Cache-Control"]
    part = client.get(asset["urls"]["content"], headers={"Range": "bytes=1-3"})
    assert (part.status_code, part.data) == (206, b"PNG")
    known = {"If-None-Match": content.headers["ETag"]}
    assert client.get(asset["urls"]["content"], headers=known).status_code == 304


def test_a_digest_tells_whether_a_picture_has_to_be_sent(client, upload, a_picture):
    url = f"/v1/assets/by-digest/{sha256(a_picture())}"

    before = client.head(url).status_code
    upload(a_picture())

    assert (before, client.head(url).status_code) == (404, 200)
    upper = f"/v1/assets/by-digest/{sha256(a_picture()).upper()}"
    assert client.get(upper).status_code == 200
    assert client.head("/v1/assets/by-digest/%00").status_code == 404


@pytest.mark.parametrize("where", ["field", "request", "part"])
def test_other_bytes_than_the_digest_says_are_409(client, a_picture, where):
    def send(digest):
        header = f"sha-512=:aa:, sha-256=:{b64encode(bytes.fromhex(digest)).decode()}:"
        part = f"Content-Digest: {header}\r\n" if where == "part" else ""
        field = (
            f'--x\r\nContent-Disposition: form-data; name="sha256"\r\n\r\n{digest}\r\n'
            if where == "field"
            else ""
        )
        body = (
            (
                f'{field}--x\r\nContent-Disposition: form-data; name="file"; '
                f'filename="a.png"\r\n{part}\r\n'
            ).encode()
            + a_picture()
            + b"\r\n--x--\r\n"
        )
        headers = {"Content-Digest": header} if where == "request" else {}
        return client.post(
            "/v1/assets", data=body, headers=headers,
            content_type="multipart/form-data; boundary=x",
        )  # fmt: skip

    wrong, right = send("ab" * 32), send(sha256(a_picture()))

    assert (wrong.status_code, wrong.json["code"]) == (409, "digest-mismatch")
    assert right.status_code == 201  # nothing was kept of the first


@pytest.mark.parametrize("digest", ["", "abc", "g" * 64])
def test_a_digest_that_is_none_is_pointed_at(upload, a_picture, digest):
    response = upload(a_picture(), sha256=digest)

    if digest == "":  # an empty field of a web form
        assert response.status_code == 201
    else:
        assert response.status_code == 422
        assert response.json["errors"][0]["pointer"] == "/sha256"


def test_a_header_that_is_no_digest_is_pointed_at(upload, a_picture):
    response = upload(a_picture(), headers={"Content-Digest": "sha-256=:no:"})

    assert response.json["errors"][0]["pointer"] == "/Content-Digest"


def test_what_is_missing_or_unknown_is_named_at_once(client):
    response = client.post("/v1/assets", data={"picture": (io.BytesIO(b"x"), "x")})

    assert [one["pointer"] for one in response.json["errors"]] == ["/picture", "/file"]


def test_what_is_no_picture_is_refused_and_not_kept(api, upload):
    response = upload(b"GIF89a, or so")

    assert (response.status_code, response.json["code"]) == (422, "image-unreadable")
    assert response.json["errors"][0]["pointer"] == "/file"
    assert list(api.storage.blobs()) == []


def test_pictures_are_listed_newest_first_page_by_page(
    client, upload, a_picture, clock
):
    made = []
    for shade in range(5):
        clock.advance(1)
        made.append(upload(a_picture(color=(shade, 0, 0))).json["id"])

    url, seen = "/v1/assets?limit=2", []
    while url:
        page = client.get(url)
        seen += [asset["id"] for asset in page.json["data"]]
        url = page.headers.get("Link", "").partition("<")[2].partition(">")[0]

    assert seen == made[::-1]


def test_a_cursor_of_jobs_is_none_of_pictures(api, client):
    api.submitted()
    api.submitted()
    cursor = client.get("/v1/jobs?limit=1").json["next_cursor"]

    assert client.get(f"/v1/assets?cursor={cursor}").json["code"] == "bad-cursor"


def test_a_picture_that_a_job_needs_stays_and_one_of_a_job_that_is_over_goes(api):
    job = api.submit().json
    url = f"/v1/assets/{job['params']['content']['asset_id']}"

    needed = api.client.delete(url)
    api.client.post(job["urls"]["cancel"])
    free = api.client.delete(url)

    assert (needed.status_code, needed.json["code"]) == (409, "asset-in-use")
    assert needed.json["jobs"] == [job["id"]]
    assert free.status_code == 204
    assert api.client.get(url).status_code == 404
    assert api.client.get(f"{url}/content").status_code == 404
    assert api.client.delete(url).status_code == 404
    assert len(list(api.storage.blobs())) == 1  # the painting


def test_a_deleted_picture_comes_back_under_its_id(client, upload, a_picture):
    asset = upload(a_picture()).json
    client.delete(asset["urls"]["self"])

    again = upload(a_picture())

    assert (again.status_code, again.json) == (201, asset)
    assert client.get(asset["urls"]["content"]).data == a_picture()


@pytest.mark.parametrize("left", [None, b"", b"other bytes"])
def test_sending_a_picture_again_mends_its_lost_or_damaged_file(
    api, upload, a_picture, left
):
    asset = upload(a_picture()).json
    (blob,) = api.storage.blobs()
    api.storage.delete(blob.key) if left is None else api.storage.put(blob.key, left)

    by_digest = f"/v1/assets/by-digest/{asset['sha256']}"
    assert api.client.get(by_digest).status_code == 404

    again = upload(a_picture())

    assert (again.status_code, again.json) == (200, asset)
    assert api.client.get(by_digest).status_code == 200
    assert api.storage.get(blob.key) == a_picture()
    assert len(list(api.storage.blobs())) == 1


def test_a_job_whose_picture_was_deleted_cannot_be_tried_again(api, client):
    job = api.submit().json
    client.post(job["urls"]["cancel"])
    client.delete(f"/v1/assets/{job['params']['content']['asset_id']}")

    response = client.post(f"/v1/jobs/{job['id']}/retry")

    assert (response.status_code, response.json["code"]) == (409, "asset-gone")


def test_pictures_of_others_are_not_there(make_api, a_picture):
    api = make_api(auth="keys")
    mine, theirs = api.bearer(), api.bearer()
    form = {"file": (io.BytesIO(a_picture()), "a.png")}
    asset = api.client.post("/v1/assets", data=form, headers=theirs).json
    digest_url = f"/v1/assets/by-digest/{asset['sha256']}"

    for url in (asset["urls"]["self"], asset["urls"]["content"], digest_url):
        assert api.client.get(url, headers=mine).status_code == 404
        assert api.client.get(url, headers=theirs).status_code == 200
    assert api.client.delete(asset["urls"]["self"], headers=mine).status_code == 404
    assert api.client.get("/v1/assets", headers=mine).json["data"] == []
    form = {"file": (io.BytesIO(a_picture()), "a.png")}
    own = api.client.post("/v1/assets", data=form, headers=mine)
    assert own.status_code == 201
    assert own.json["id"] != asset["id"]
    api.client.delete(asset["urls"]["self"], headers=theirs)
    content = api.client.get(own.json["urls"]["content"], headers=mine)
    assert content.data == a_picture()
