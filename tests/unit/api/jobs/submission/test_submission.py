from __future__ import annotations

import hashlib
import io
import re

import pytest
from sqlalchemy import func, select

from api.jobs import submission
from shared.db.models.assets import Asset
from shared.db.models.jobs import Job, JobInput
from tests.unit.api.conftest import picture


def pointers(response):
    return {error["pointer"] for error in response.json["errors"]}


def test_a_job_is_accepted_with_its_address_and_when_to_look_again(api):
    response = api.submit(params={"max_edge": 256}, name="Lisbon")

    job = response.json
    assert response.status_code == 202
    assert re.fullmatch(r"job_[0-9A-Z]{26}", job["id"])
    assert (
        response.headers["Location"] == job["urls"]["self"] == f"/v1/jobs/{job['id']}"
    )
    assert response.headers["Retry-After"] == "1"
    assert (job["state"], job["name"], job["owner"]) == (
        "queued",
        "Lisbon",
        "own_local",
    )
    assert job["params"]["max_edge"] == 256
    assert job["params"]["schedule"] == [[128, 100], [256, 50]]


def test_parameters_are_optional(api):
    job = api.submit().json

    assert job["params"]["max_edge"] == 512
    assert job["name"] is None


def test_blobs_are_stored_under_their_digest_and_rows_name_them(api, a_picture):
    job = api.submit().json

    with api.db.read() as session:
        asset = session.get(Asset, job["params"]["content"]["asset_id"])
        roles = session.execute(
            select(JobInput.role, JobInput.position).order_by(JobInput.role)
        ).all()
    data = a_picture()
    assert asset.key.startswith(f"assets/{hashlib.sha256(data).hexdigest()}-")
    assert api.storage.get(asset.key) == data
    assert (asset.media_type, asset.width, asset.height) == ("image/png", 64, 48)
    assert [tuple(role) for role in roles] == [("content", 0), ("style", 0)]


def test_the_same_picture_is_kept_once(api, a_picture):
    api.submit([("content", a_picture()), ("style", a_picture())])
    api.submit([("content", a_picture()), ("style", a_picture())])

    with api.db.read() as session:
        assert session.scalar(select(func.count()).select_from(Asset)) == 1


def test_the_memory_a_job_needs_is_estimated(api):
    small = api.submitted(max_edge=64)
    large = api.submitted(max_edge=1024)

    with api.db.read() as session:
        needs = [session.get(Job, one).need_bytes for one in (small, large)]
    for side, need in zip((64, 1024), needs, strict=True):
        state = 300_000_000 + side**2 * (12 + 24 + 4) * 12
        whole, smallest_tile = round(side**2 * 300_000_000 / 320**2), 300_000_000
        assert need == round((state + min(whole, smallest_tile)) / 0.8)


def test_the_bell_is_rung_once_the_row_is_there(api):
    job_id = api.submitted()

    assert api.notifier.notified == [job_id]
    with api.db.read() as session:
        assert session.get(Job, job_id).notified_at is not None


def test_a_dead_redis_is_no_reason_to_refuse(api):
    api.notifier.works = False

    job_id = api.submitted()

    with api.db.read() as session:
        assert (
            session.get(Job, job_id).notified_at is None
        )  # so it is notified of again


def test_several_styles_count_equally_unless_weights_are_given(api, a_picture):
    files = [("content", a_picture())] + [
        ("style", a_picture(c)) for c in ("blue", "green")
    ]

    equal = api.submit(files).json["params"]["styles"]
    weighted = api.submit(files, {"styles": [{"weight": 3}, {"weight": 1}]}).json[
        "params"
    ]

    assert [style["weight"] for style in equal] == [1, 1]
    assert equal[0]["image"] != equal[1]["image"]
    assert [style["weight"] for style in weighted["styles"]] == [3, 1]


def test_a_style_without_a_file_and_a_file_without_a_style_are_named(api, a_picture):
    files = [("content", a_picture()), ("style", a_picture("blue"))]
    two = {"styles": [{"weight": 3}, {"weight": 1}]}

    fewer = api.submit(files, two)
    more = api.submit([*files, *files[1:], *files[1:]], two)

    assert (fewer.status_code, more.status_code) == (422, 422)
    assert pointers(fewer) == {"/params/styles/1/image"}
    assert pointers(more) == {"/params/styles"}
    assert "2 entries without an image for 3" in more.json["errors"][0]["detail"]


def test_a_form_may_name_some_pictures_by_the_ids_of_their_assets(api, a_picture):
    first = api.submit().json["params"]
    painting = first["styles"][0]["image"]
    files = [("style", a_picture("green")), ("mask_0", a_picture("gray"))]

    response = api.submit(
        files,
        {
            "content": first["content"],
            "styles": [{"image": painting, "weight": 3}, {"weight": 2}],
        },
    )

    assert response.status_code == 202, response.text
    params = response.json["params"]
    assert params["content"] == first["content"]
    assert [style["weight"] for style in params["styles"]] == [3, 2]
    assert params["styles"][0]["image"] == painting
    assert params["styles"][0]["mask"] is not None
    claimed = api.claimed().inputs  # the newer job has the same pictures, and a mask
    assert claimed["content"][0].digest == hashlib.sha256(a_picture()).hexdigest()


def test_eight_styles_are_taken_and_nine_are_not(api, a_picture):
    eight = [("content", a_picture())] + [
        ("style", a_picture(size=(20 + n, 20))) for n in range(8)
    ]

    assert api.submit(eight).status_code == 202
    response = api.submit([*eight, ("style", a_picture("green"))])
    assert response.status_code == 422
    assert pointers(response) == {"/style"}


def test_a_start_picture_is_taken_when_the_start_is_an_image(api, a_picture):
    files = [("content", a_picture()), ("style", a_picture("blue"))]
    with_start = [*files, ("init_image", a_picture("green"))]

    taken = api.submit(with_start, {"init": "image"})
    assert taken.status_code == 202
    assert taken.json["params"]["init_image"]["asset_id"].startswith("ast_")
    assert pointers(api.submit(files, {"init": "image"})) == {"/init_image"}
    assert pointers(api.submit(with_start)) == {"/init_image"}


def test_empty_file_inputs_of_a_web_form_are_as_good_as_none(api, a_picture):
    form = {
        "content": (io.BytesIO(a_picture()), "a.png"),
        "style": (io.BytesIO(a_picture()), "b.png"),
        "init_image": (io.BytesIO(b""), ""),
    }

    assert api.client.post("/v1/jobs", data=form).status_code == 202


def test_parameters_may_come_as_a_file_as_curl_sends_them(api, a_picture):
    form = {
        "content": (io.BytesIO(a_picture()), "a.png"),
        "style": (io.BytesIO(a_picture()), "b.png"),
        "params": (io.BytesIO(b'{"max_edge": 128}'), "params.json"),
    }

    assert api.client.post("/v1/jobs", data=form).json["params"]["max_edge"] == 128


def test_a_full_queue_is_429_with_when_to_come_back(make_api):
    api = make_api(max_queued_per_owner=1)
    api.submitted()

    response = api.submit()

    assert response.status_code == 429
    assert response.json["code"] == "quota-exceeded"
    assert response.json["retryable"] is True
    assert int(response.headers["Retry-After"]) > 0


def test_too_little_free_space_is_503_before_anything_is_stored(make_api):
    api = make_api(min_free_bytes=2**62)

    response = api.submit()

    assert response.status_code == 503
    assert response.json["code"] == "storage-full"
    assert response.json["hint"]
    assert response.headers["Retry-After"]
    assert not (api.settings.home / "blobs").exists()


def refused_forms():
    """Forms whose pictures can be stored, each with something wrong."""
    good, black = picture(), picture("black")
    two = [("content", good), ("style", picture("blue"))]
    return {
        "picture": ([("content", good), ("style", b"no picture")], {}),
        "no picture": ([("content", good)], {}),
        "two photos": ([*two, ("content", good)], {}),
        "mask": ([*two, ("mask_0", black)], {}),
        "labels": ([*two, ("content_labels", good)], {}),
        "unused mask": ([*two, ("mask_3", good)], {}),
        "start": ([*two, ("init_image", good)], {}),
        "parameter": (two, {"params": {"max_edge": 1}}),
        "asset": (two, {"params": {"init_image": {"asset_id": "ast_1"}}}),
        "segment": (two, {"segments": '[{"from_iteration": 1, "changes": {}}]'}),
        "json": (two, {"segments": "["}),
        "option": (two, {"priority": "urgent"}),
        "deadline": (two, {"cancel_after": "2001-01-01T00:00:00Z"}),
        "name": (two, {"name": "two\nlines"}),
        "part": (two, {"colour": "red"}),
    }


@pytest.mark.parametrize("what", refused_forms())
def test_a_refused_form_leaves_nothing_behind(api, what):
    files, fields = refused_forms()[what]

    response = api.submit(files, **fields)

    assert response.status_code in {400, 422}, response.text
    assert stored(api) == ([], 0, 0)


def test_a_form_that_loses_the_last_place_to_another_leaves_no_picture_behind(
    make_api, a_picture, monkeypatch
):
    api = make_api(max_queued_per_owner=1)
    api.submitted()

    def pictures():
        blobs = (api.settings.home / "blobs").rglob("*")
        files = sorted(path for path in blobs if path.is_file())
        return files, api.client.get("/v1/assets").json["data"]

    before = pictures()
    # As if the place was taken between the check and the submission.
    monkeypatch.setattr(submission, "find_place", lambda *_: None)

    refused = api.submit([(name, a_picture("lime")) for name in ("content", "style")])

    assert (refused.status_code, refused.json["code"]) == (429, "quota-exceeded")
    assert pictures() == before


def test_params_of_another_job_may_be_sent_beside_files(api, a_picture):
    params = api.client.get(f"/v1/jobs/{api.submitted()}").json["params"]
    kept = {name: params[name] for name in params.keys() - {"content", "styles"}}

    files = [("content", a_picture("lime")), ("style", a_picture("navy"))]
    start = ("init_image", a_picture("red"))
    again = api.submit([*files, start], params={**kept, "init": "image"})

    assert again.status_code == 202, again.text


@pytest.mark.parametrize("params", [0, False, [], "x"])
def test_params_are_an_object_or_nothing(api, params):
    refused = api.client.post("/v1/jobs", json={"params": params})

    assert "/params" in pointers(refused)


def test_a_name_may_have_joiners_that_letters_and_emoji_need(api):
    name = "\N{WOMAN}\N{ZERO WIDTH JOINER}\N{ARTIST PALETTE}"

    assert api.submit(name=name).json["name"] == name


def test_a_form_that_a_full_queue_refuses_leaves_nothing_behind(make_api, a_picture):
    api = make_api(max_queued_per_owner=1)
    api.submitted()
    before = stored(api)

    refused = api.submit([(name, a_picture("lime")) for name in ("content", "style")])

    assert refused.status_code == 429
    assert stored(api) == before


def stored(api):
    """Files of the storage, and numbers of assets and jobs."""
    with api.db.read() as session:
        counts = [
            session.scalar(select(func.count()).select_from(table))
            for table in (Asset, Job)
        ]
    return sorted((api.settings.home / "blobs").rglob("*")), *counts


def test_a_reused_job_is_found_though_the_queue_is_full(make_api):
    api = make_api(max_queued_per_owner=1)
    first = api.submitted()

    again = api.submit(reuse="finished_or_active")

    assert (again.status_code, again.json["id"]) == (200, first)
