from __future__ import annotations

import pytest

from shared.jobs.actions import cancel
from shared.jobs.retention import drop_expired_results
from shared.jobs.submit import LOCAL_OWNER_ID
from shared.maintenance.deadlines import expire_jobs


def test_the_result_is_a_png_that_caches_for_ever(api):
    job_id = api.submitted()
    digest = api.finish(api.claimed(), b"the picture")

    response = api.client.get(f"/v1/jobs/{job_id}/result")

    assert response.data == b"the picture"
    assert response.mimetype == "image/png"
    assert response.headers["ETag"] == f'"{digest}"'
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert job_id in response.headers["Content-Disposition"]
    assert "immutable" in response.headers["Cache-Control"]


@pytest.mark.parametrize(
    ("name", "ending", "media_type"),
    [
        ("png", ".png", "image/png"),
        ("tiff", ".tiff", "image/tiff"),
        ("jpeg", ".jpg", "image/jpeg"),
        ("webp", ".webp", "image/webp"),
    ],
)
def test_a_result_is_served_as_what_it_is(api, name, ending, media_type):
    job_id = api.submitted(format=name)
    api.finish(api.claimed(), b"the picture")

    response = api.client.get(f"/v1/jobs/{job_id}/result")
    job = api.client.get(f"/v1/jobs/{job_id}").json

    assert response.mimetype == media_type
    disposition = response.headers["Content-Disposition"]
    assert disposition == f'inline; filename="impasto-{job_id}{ending}"'
    assert [output["media_type"] for output in job["outputs"]] == [media_type]


def test_a_known_result_is_304_and_a_part_is_206(api):
    url = f"/v1/jobs/{api.submitted()}/result"
    digest = api.finish(api.claimed(), b"the picture")

    known = api.client.get(url, headers={"If-None-Match": f'"{digest}"'})
    part = api.client.get(url, headers={"Range": "bytes=4-6"})

    assert (known.status_code, known.data) == (304, b"")
    assert (part.status_code, part.data) == (206, b"pic")


@pytest.mark.parametrize("part", ["rows=0-5", "chapters=one", "rows"])
def test_a_range_in_an_unknown_unit_is_ignored(api, part):
    url = f"/v1/jobs/{api.submitted()}/result"
    api.finish(api.claimed(), b"the picture")

    response = api.client.get(url, headers={"Range": part})

    assert (response.status_code, response.data) == (200, b"the picture")


def test_a_result_that_is_not_there_yet_is_409_with_when_to_come_back(api):
    job_id = api.submitted()

    response = api.client.get(f"/v1/jobs/{job_id}/result")

    assert (response.status_code, response.json["code"]) == (409, "result-not-ready")
    assert response.headers["Retry-After"]
    assert response.json["retryable"] is True


def canceled(api):
    job_id = api.submitted()
    cancel(api.db, LOCAL_OWNER_ID, job_id)
    return job_id


def failed(api):
    job_id = api.submitted()
    api.fail(api.claimed())
    return job_id


def expired(api):
    return api.submit(start_deadline="1000").json["id"]  # and then time passes


@pytest.mark.parametrize("ended", [canceled, failed, expired])
def test_nobody_is_told_to_come_back_for_a_result_that_will_never_come(
    api, clock, ended
):
    job_id = ended(api)
    clock.advance(2000)
    expire_jobs(api.db, 14)

    response = api.client.get(f"/v1/jobs/{job_id}/result")

    assert (response.status_code, response.json["code"]) == (409, "result-not-ready")
    assert "Retry-After" not in response.headers
    assert response.json["retryable"] is False
    assert response.json["state"] == ended.__name__
    assert "retry" in response.json["allowed_actions"]
    assert f"POST /v1/jobs/{job_id}/retry" in response.json["hint"]
    assert "fork" not in response.json["hint"]  # there is no checkpoint


def test_why_there_is_no_result_is_told_too(api):
    response = api.client.get(f"/v1/jobs/{failed(api)}/result")

    assert "no finite loss" in response.json["detail"]


@pytest.mark.parametrize("accept", ["application/json", "text/html, image/gif"])
def test_a_picture_is_not_sent_to_who_accepts_none(api, accept):
    job_id = api.submitted()
    api.finish(api.claimed())
    url = f"/v1/jobs/{job_id}/result"

    refused = api.client.get(url, headers={"Accept": accept})
    assert (refused.status_code, refused.json["code"]) == (406, "not-acceptable")
    assert "image/png" in refused.json["hint"]
    assert "/v1/jobs/{id}" in refused.json["hint"]
    errors_only = "application/problem+json"  # as generated clients say
    for accepted in ("*/*", "image/*", "application/json, */*;q=0.1", "", errors_only):
        answer = api.client.get(url, headers={"Accept": accepted})
        assert (answer.status_code, answer.mimetype) == (200, "image/png")


def test_the_latest_preview_is_shown_and_the_job_names_its_iteration(api):
    job_id = api.submitted()
    claim = api.claimed()
    api.frame(claim, 50, b"older")
    api.frame(claim, 100, b"newer")

    response = api.client.get(f"/v1/jobs/{job_id}/frames/latest")

    assert response.data == b"newer"
    assert response.mimetype == "image/jpeg"
    etag = {"If-None-Match": response.headers["ETag"]}
    assert (
        api.client.get(f"/v1/jobs/{job_id}/frames/latest", headers=etag).status_code
        == 304
    )
    preview = api.client.get(f"/v1/jobs/{job_id}").json["preview"]
    assert preview == {"iteration": 100, "url": f"/v1/jobs/{job_id}/frames/latest",
                       "thumb_url": f"/v1/jobs/{job_id}/frames/100/thumb",
                       "width": 256, "height": 170}  # fmt: skip


def test_no_preview_yet_is_404_with_a_hint(api):
    response = api.client.get(f"/v1/jobs/{api.submitted()}/frames/latest")

    assert (response.status_code, response.json["code"]) == (404, "not-found")
    assert response.json["hint"]


def test_a_result_whose_blob_is_out_of_reach_is_503(api):
    job_id = api.submitted()
    claim = api.claimed()
    api.finish(claim)
    api.storage.delete(f"results/{job_id}/{claim.fence}.png")

    response = api.client.get(f"/v1/jobs/{job_id}/result")

    assert response.status_code == 503
    assert response.json["code"] == "picture-missing"
    assert response.headers["Retry-After"]


def test_the_photo_can_be_looked_at_again_as_it_was_sent(api, a_picture):
    url = api.submit().json["urls"]["content"]

    response = api.client.get(url)

    assert response.data == a_picture()
    assert response.mimetype == "image/png"
    assert "sandbox" in response.headers["Content-Security-Policy"]


@pytest.mark.parametrize("asset_id", ["ast_01JNONE", "%00", "a'b"])
def test_an_unknown_picture_is_404(client, asset_id):
    response = client.get(f"/v1/assets/{asset_id}/content")

    assert (response.status_code, response.json["code"]) == (404, "not-found")


def test_a_result_that_was_kept_long_enough_is_gone(api):
    job_id = api.submitted()
    api.finish(api.claimed(), b"the picture")
    (key,) = drop_expired_results(api.db, days=-1)

    response = api.client.get(f"/v1/jobs/{job_id}/result")

    assert (response.status_code, response.json["code"]) == (410, "purged")
    assert key.startswith(f"results/{job_id}/")
    shown = api.client.get(f"/v1/jobs/{job_id}").json
    assert (shown["state"], shown["outputs"]) == ("succeeded", [])


@pytest.mark.parametrize("path", ["result", "frames", "metrics"])
def test_an_if_match_of_something_else_is_a_problem_and_sends_nothing(api, path):
    job_id = api.submitted()
    api.finish(api.claimed())

    response = api.client.get(f"/v1/jobs/{job_id}/{path}", headers={"If-Match": '"x"'})

    assert (response.status_code, response.json["code"]) == (412, "version-mismatch")
    assert response.mimetype == "application/problem+json"


def test_a_part_behind_the_end_is_416_and_its_page_says_so(api):
    url = f"/v1/jobs/{api.submitted()}/result"
    api.finish(api.claimed(), b"the picture")

    response = api.client.get(url, headers={"Range": "bytes=999-"})

    assert response.status_code == response.json["status"] == 416
    assert response.headers["Content-Range"] == "bytes */11"
    assert response.json["code"] == "range-not-satisfiable"
    assert "416" in api.client.get(response.json["type"]).text


@pytest.mark.parametrize(
    ("name", "disposition"),
    [
        (
            "Cat as Waves",
            'inline; filename="Cat-as-Waves.png"',
        ),
        ('a"b/../c', 'inline; filename="a-b-c.png"'),
        (
            "Café 猫",
            "inline; filename=\"Cafe-.png\"; filename*=UTF-8''Caf%C3%A9-%E7%8C%AB.png",
        ),
        ("x" * 200, f'inline; filename="{"x" * 100}.png"'),
    ],
)
def test_a_result_is_saved_under_the_name_of_its_job(api, name, disposition):
    job_id = api.submit(name=name).json["id"]
    api.finish(api.claimed())

    response = api.client.get(f"/v1/jobs/{job_id}/result")

    assert response.headers["Content-Disposition"] == disposition
