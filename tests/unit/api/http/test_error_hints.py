"""Refusals that lead on: what would have been taken, and how it is sent."""

from __future__ import annotations

import io

import pytest

from shared.jobs.actions import cancel
from shared.jobs.submit import LOCAL_OWNER_ID


def test_json_without_its_content_type_is_told_how_to_send_it(client):
    response = client.post(
        "/v1/jobs", data="{}", content_type="application/x-www-form-urlencoded"
    )

    assert response.status_code == 415
    assert "multipart/form-data or application/json" in response.json["detail"]
    assert "Content-Type: application/json" in response.json["hint"]
    assert "-F content=@photo.jpg" in response.json["hint"]


def test_a_picture_is_not_said_to_be_taken_as_json(client):
    response = client.post("/v1/assets", json={})

    assert response.status_code == 415
    assert "application/json" not in response.json["hint"]


@pytest.mark.parametrize(
    "kind", [None, "application/x-www-form-urlencoded", "application/json"]
)
def test_an_exploration_needs_no_body(client, kind):
    response = client.post("/v1/explorations", data="", content_type=kind)

    assert response.status_code == 202, response.text
    assert response.json["kind"] == "explore"


def test_an_exploration_of_another_kind_is_refused(client):
    kind = "application/x-www-form-urlencoded"

    assert (
        client.post("/v1/explorations", data="a=b", content_type=kind).status_code
        == 415
    )


STYLE = {"image": {"asset_id": "ast_1"}}


@pytest.mark.parametrize(
    ("ref", "code", "hint"),
    [
        ("ast_01JD8", "asset-id", '{"asset_id": "ast_01JD8"}'),
        ("photo.jpg", "asset-id", "POST /v1/assets"),
        ("https://example.org/a.jpg", "url-not-allowed", "POST /v1/assets"),
        ({"url": "https://example.org/a.jpg"}, "url-not-allowed", "POST /v1/assets"),
        ("data:image/png;base64,AAAA", "data-url", "POST /v1/assets"),
    ],
)
@pytest.mark.parametrize(
    ("pointer", "body"),
    [
        ("/content", lambda ref: {"content": ref, "styles": [STYLE]}),
        (
            "/params/content",
            lambda ref: {"params": {"content": ref, "styles": [STYLE]}},
        ),
        ("/styles/0/mask", lambda ref: {"styles": [{**STYLE, "mask": ref}]}),
    ],
)
def test_a_picture_that_is_named_otherwise_is_told_how(
    client, ref, code, hint, pointer, body
):
    response = client.post("/v1/jobs", json=body(ref))

    assert response.status_code == 422
    about = [e for e in response.json["errors"] if e["pointer"].startswith(pointer)]
    assert [(e["pointer"], e["code"]) for e in about] == [(pointer, code)]
    assert hint in about[0]["detail"]


@pytest.mark.parametrize("styles", [[[]], [7], ["ast_1"], {}, [{"image": [[]]}]])
def test_what_is_no_style_at_all_is_only_that(client, styles):
    response = client.post("/v1/jobs", json={"styles": styles})

    assert (response.status_code, response.json["code"]) == (422, "validation")
    assert any(e["pointer"].startswith("/styles") for e in response.json["errors"])


@pytest.mark.parametrize(
    ("verb", "example"), [("fork", '{"from": {"iteration": 200}'), ("extend", "300")]
)
def test_an_empty_verb_is_told_what_it_may_say(api, verb, example):
    response = api.client.post(f"/v1/jobs/{api.submitted()}/{verb}", json={})

    assert response.status_code == 422
    assert example in response.json["hint"]


def test_a_change_takes_the_revision_and_not_the_etag(api):
    job_id = api.submitted()
    url, body = f"/v1/jobs/{job_id}", {"style_weight": 3.0}
    stale = api.client.get(url).json["revision"]
    claim = api.claimed()
    seen = api.client.get(url)
    api.beat(claim)  # progress alone is no reason to refuse
    matches = (f'"{stale}"', seen.headers["ETag"], f'"{seen.json["revision"]}"')

    answers = [
        api.client.patch(url, json=body, headers={"If-Match": match})
        for match in matches
    ]

    assert [answer.status_code for answer in answers] == [412, 412, 202]
    assert "`revision`" in answers[1].json["hint"]


def test_json_that_is_no_object_is_not_said_to_be_no_json(api):
    response = api.client.post(f"/v1/jobs/{api.submitted()}/extend", json=[])

    assert (response.status_code, response.json["code"]) == (400, "malformed-json")
    assert "valid JSON" not in response.json["title"]


@pytest.mark.parametrize("path", ["/v1/nothing", "/nothing"])
def test_an_address_that_is_none_is_answered_in_our_own_words(client, path):
    response = client.get(path)

    assert response.status_code == 404
    assert response.json["title"] == "There is nothing at this address, or not yet"
    assert path in response.json["detail"]
    assert "/v1" in response.json["hint"]
    page = client.get(response.json["type"]).text
    assert response.json["title"] in page


def test_a_method_that_is_not_taken_has_the_title_of_its_page(client):
    response = client.put("/v1/jobs")

    assert response.status_code == 405
    assert response.json["title"] in client.get(response.json["type"]).text


def test_a_file_that_is_too_large_is_named(make_api, a_picture):
    api = make_api(max_upload_bytes=2000)
    files = [("content", a_picture()), ("style", bytes(3000))]

    response = api.submit(files)

    assert response.status_code == 413
    assert "'style.png'" in response.json["detail"]


@pytest.mark.parametrize("digest", ["garbage", "sha-256", "=", "sha-256=, x"])
def test_a_content_digest_that_is_none_is_refused(api, a_picture, digest):
    form = {"file": (io.BytesIO(a_picture()), "a.png")}

    response = api.client.post(
        "/v1/assets", data=form, headers={"Content-Digest": digest}
    )

    assert response.status_code == 422
    assert [e["pointer"] for e in response.json["errors"]] == ["/Content-Digest"]


def test_a_digest_of_another_algorithm_is_let_through(api, a_picture):
    form = {"file": (io.BytesIO(a_picture()), "a.png")}
    headers = {"Content-Digest": "sha-512=:AAAA:"}

    assert api.client.post("/v1/assets", data=form, headers=headers).status_code == 201


@pytest.mark.parametrize(
    "part", ["bytes=abc", "bytes=5-2", "bytes=0-1,3-4", "bytes=-999"]
)
def test_a_range_that_cannot_be_read_or_is_all_is_ignored(api, part):
    url = f"/v1/jobs/{api.submitted()}/result"
    api.finish(api.claimed(), b"the picture")

    response = api.client.get(url, headers={"Range": part})

    assert (response.status_code, response.data) == (200, b"the picture")
    assert response.headers["Accept-Ranges"] == "bytes"


def test_a_part_belongs_to_no_weak_etag(api):
    url = f"/v1/jobs/{api.submitted()}/result"
    digest = api.finish(api.claimed(), b"the picture")
    part = {"Range": "bytes=4-6"}

    weak = api.client.get(url, headers=part | {"If-Range": f'W/"{digest}"'})
    strong = api.client.get(url, headers=part | {"If-Range": f'"{digest}"'})

    assert (weak.status_code, weak.data) == (200, b"the picture")
    assert (strong.status_code, strong.data) == (206, b"pic")


def test_a_preference_is_said_to_be_applied_only_where_it_was(api):
    job_id = api.submitted()
    url, headers = f"/v1/jobs/{job_id}", {"Prefer": "wait=1"}

    at_once = api.client.get(url, headers=headers)
    headers["If-None-Match"] = at_once.headers["ETag"]
    waited = api.client.get(url, headers=headers)

    assert "Preference-Applied" not in at_once.headers
    assert waited.headers["Preference-Applied"] == "wait=1"


def test_what_was_asked_for_already_is_no_action_any_more(api):
    job_id = api.submitted()
    api.claimed()

    job = api.client.post(f"/v1/jobs/{job_id}/finish").json

    assert "finish" not in job["allowed_actions"]
    assert job["urls"]["finish"] is None
    assert "cancel" in job["allowed_actions"]


def test_nothing_has_no_type(api):
    job_id = api.submitted()
    cancel(api.db, LOCAL_OWNER_ID, job_id)

    response = api.client.delete(f"/v1/jobs/{job_id}")

    assert response.status_code == 204
    assert "Content-Type" not in response.headers


def test_pictures_have_names_and_are_what_they_are_said_to_be(api):
    job = api.submit().json
    claim = api.claimed()
    api.frame(claim, 7)
    asset_id = job["params"]["content"]["asset_id"]
    frames = f"/v1/jobs/{job['id']}/frames"

    named = {
        f"/v1/assets/{asset_id}/content": f"{asset_id}.png",
        f"{frames}/7": f"impasto-{job['id']}-7.jpg",
        f"{frames}/latest": f"impasto-{job['id']}-7.jpg",
        f"{frames}/7/thumb": f"impasto-{job['id']}-7-thumb.jpg",
    }
    for url, name in named.items():
        headers = api.client.get(url).headers
        assert headers["Content-Disposition"] == f'inline; filename="{name}"'
        assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("digits", [19, 5000])
def test_a_number_that_no_revision_can_be_is_412(api, digits):
    url, match = f"/v1/jobs/{api.submitted()}", f'"{"9" * digits}"'

    response = api.client.patch(
        url, json={"style_weight": 3.0}, headers={"If-Match": match}
    )

    assert (response.status_code, response.json["code"]) == (412, "version-mismatch")
