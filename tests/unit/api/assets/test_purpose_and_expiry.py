"""What is said of a picture besides its bytes: what it is for, how long it stays."""

from __future__ import annotations

import io

import pytest

from api.assets.schemas import MAX_EXPIRES_IN
from api.assets.uploads import add_picture, inspect_picture, make_upload, store_picture
from shared.assets import UPLOAD_PURPOSES, AssetOptions, Purpose
from shared.jobs.submit import LOCAL_OWNER_ID


@pytest.fixture
def upload(client):
    def post(data, **fields):
        form = {"file": (io.BytesIO(data), "photo.png"), **fields}
        return client.post("/v1/assets", data=form)

    return post


def listed(client, query=""):
    response = client.get(f"/v1/assets{query}")
    return [asset["id"] for asset in response.json["data"]]


def test_nothing_said_is_for_anything_and_for_good(upload, a_picture):
    asset = upload(a_picture()).json

    assert (asset["purpose"], asset["expires_at"]) == ("any", None)


def test_what_was_said_is_told(client, upload, a_picture, clock):
    asset = upload(a_picture(), purpose="mask", expires_in="3600").json

    assert (asset["purpose"], asset["expires_at"]) == ("mask", "2027-01-15T09:00:00Z")
    assert client.get(asset["urls"]["self"]).json == asset
    assert client.get("/v1/assets").json["data"] == [asset]


def test_pictures_are_listed_by_what_they_are_for(client, upload, a_picture, clock):
    made = []
    for number, purpose in enumerate(("style", "content", "style", "any", "style")):
        clock.advance(1)
        made.append(upload(a_picture((number, 0, 0)), purpose=purpose).json["id"])

    assert listed(client, "?purpose=style") == [made[4], made[2], made[0]]
    assert listed(client, "?purpose=init") == []
    first = client.get("/v1/assets?purpose=style&limit=2")
    following = first.headers["Link"].partition("<")[2].partition(">")[0]
    assert [one["id"] for one in client.get(following).json["data"]] == [made[0]]


def test_of_two_sent_at_once_the_later_wish_counts_too(api, client, upload, a_picture):
    """The other one has come while ours was looked at, and lasts for a minute."""
    ours = make_upload(io.BytesIO(a_picture()), AssetOptions(Purpose.STYLE))
    info = inspect_picture(api.dependencies, LOCAL_OWNER_ID, ours)
    url = upload(a_picture(), purpose="mask", expires_in="60").json["urls"]["self"]

    store_picture(api.dependencies, LOCAL_OWNER_ID, ours, info)

    asset = client.get(url).json
    assert (asset["purpose"], asset["expires_at"]) == ("style", None)


def test_a_picture_of_mine_stays_mine_though_impasto_brings_it_too(
    api, client, upload, a_picture
):
    mine = upload(a_picture(), purpose="style", expires_in="60").json
    shipped = make_upload(io.BytesIO(a_picture()), AssetOptions(Purpose.SHIPPED))

    add_picture(api.dependencies, LOCAL_OWNER_ID, shipped)

    assert client.get(mine["urls"]["self"]).json == mine


def test_sent_again_it_is_for_what_was_said_last(client, upload, a_picture):
    upload(a_picture(), purpose="style")
    assert upload(a_picture()).json["purpose"] == "style"

    again = upload(a_picture(), purpose="content")

    assert (again.status_code, again.json["purpose"]) == (200, "content")
    assert listed(client, "?purpose=style") == []


def test_sent_again_it_stays_as_long_as_the_longest_wish(upload, a_picture, clock):
    def until(**fields):
        return upload(a_picture(), **fields).json["expires_at"]

    assert until(expires_in="3600") == "2027-01-15T09:00:00Z"
    assert until(expires_in="60") == "2027-01-15T09:00:00Z"
    clock.advance(60)
    assert until(expires_in="3600") == "2027-01-15T09:01:00Z"
    assert until() is None
    assert until(expires_in="60") is None


def test_a_job_that_sends_it_along_says_nothing_of_it(api, upload, a_picture):
    said = {"purpose": "content", "expires_in": "60"}
    asset = upload(a_picture(), **said).json

    files = [("content", a_picture()), ("style", a_picture("blue"))]
    job = api.submit(files=files).json

    assert job["params"]["content"]["asset_id"] == asset["id"]
    assert api.client.get(asset["urls"]["self"]).json == asset


def test_a_picture_that_comes_back_is_as_new(client, upload, a_picture):
    asset = upload(a_picture(), purpose="style", expires_in="60").json
    client.delete(asset["urls"]["self"])

    again = upload(a_picture())

    assert (again.status_code, again.json["id"]) == (201, asset["id"])
    assert (again.json["purpose"], again.json["expires_at"]) == ("any", None)


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"purpose": "photo"}, "/purpose"),
        ({"purpose": "STYLE"}, "/purpose"),
        ({"expires_in": "0"}, "/expires_in"),
        ({"expires_in": "-1"}, "/expires_in"),
        ({"expires_in": "1.5"}, "/expires_in"),
        ({"expires_in": "٣"}, "/expires_in"),
        ({"expires_in": str(MAX_EXPIRES_IN + 1)}, "/expires_in"),
        ({"expires_in": "9" * 5000}, "/expires_in"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_wrong_wishes_are_named_and_nothing_is_kept(
    client, upload, a_picture, fields, pointer
):
    response = upload(a_picture(), **fields)

    assert response.status_code == 422
    assert [one["pointer"] for one in response.json["errors"]] == [pointer]
    assert listed(client) == []


def test_all_that_is_wrong_is_named_at_once(client):
    response = client.post("/v1/assets", data={"purpose": "x", "expires_in": "x"},
                           content_type="multipart/form-data")  # fmt: skip

    named = [one["pointer"] for one in response.json["errors"]]
    assert named == ["/purpose", "/expires_in", "/file"]


@pytest.mark.parametrize("purpose", ["photo", "", "style,mask"])
def test_an_unknown_purpose_lists_nothing(client, purpose):
    assert client.get(f"/v1/assets?purpose={purpose}").status_code == 422


def test_the_words_of_the_api_are_those_of_the_rows():
    assert {*UPLOAD_PURPOSES} == {"content", "style", "mask", "init", "any"}


def test_pictures_that_nobody_sent_are_not_in_the_way(api):
    api.client.post("/v1/explorations")
    assert api.client.get("/v1/assets").json["data"] == []

    shipped = api.client.get("/v1/assets?purpose=shipped&limit=200").json["data"]

    assert len(shipped) == 9
    assert {one["purpose"] for one in shipped} == {"shipped"}


def test_a_shipped_picture_that_is_sent_is_one_of_the_own(api, photos):
    api.client.post("/v1/explorations")
    path = min(photos.glob("*.jpg"))

    form = {"file": (io.BytesIO(path.read_bytes()), "a.jpg")}
    sent = api.client.post("/v1/assets", data=form)

    assert (sent.status_code, sent.json["purpose"]) == (200, "any")
    assert [one["id"] for one in api.client.get("/v1/assets").json["data"]] == [
        sent.json["id"]
    ]


def test_nobody_sends_a_picture_as_a_shipped_one(api, a_picture):
    form = {"file": (io.BytesIO(a_picture()), "a.png"), "purpose": "shipped"}

    response = api.client.post("/v1/assets", data=form)

    assert [one["pointer"] for one in response.json["errors"]] == ["/purpose"]
