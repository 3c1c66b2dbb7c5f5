"""POST /v1/explorations: what it takes, what it refuses, and what its job shows."""

from __future__ import annotations

import hashlib
import io
import json

import pytest

from api.explorations import service
from api.jobs import job_pictures
from api.jobs.request_schemas import JobOptions
from shared.assets import NewAsset, add_asset
from shared.auth.api_keys import ensure_owner
from shared.jobs.lease import JobResult, StoredOutput, WrittenBlob, complete_job
from shared.params.explore import MAX_PICTURES, ExploreParams
from shared.params.kinds import JobKind
from shared.params.networks import layer_names

SHIPPED_FOLDER = service.SHIPPED_FOLDER  # not the few of the other tests
COLORS = ("red", "lime", "blue", "cyan", "pink", "gold", "teal", "navy", "gray", "tan")


def explore(api, pictures=(), params=None, **fields):
    form = {
        "picture": [(io.BytesIO(data), f"{i}.png") for i, data in enumerate(pictures)]
    }
    if params is not None:
        fields["params"] = params if isinstance(params, str) else json.dumps(params)
    return api.client.post(
        "/v1/explorations",
        data={**form, **fields},
        content_type="multipart/form-data",
    )


def problems(response, status=422):
    assert response.status_code == status, response.text
    assert response.mimetype == "application/problem+json"
    return {
        one["pointer"]: (one["code"], one["detail"])
        for one in response.json.get("errors", [])
    }


@pytest.fixture
def nine(a_picture):
    return [a_picture(color) for color in COLORS[:9]]


def test_nine_pictures_become_a_job_of_kind_explore(api, nine):
    response = explore(
        api, nine, {"layers": ["relu3_1"], "units": [3, 7]}, name="Which one?"
    )

    assert response.status_code == 202, response.text
    job = response.json
    assert response.headers["Location"] == job["urls"]["self"]
    assert (job["kind"], job["state"], job["name"]) == (
        "explore",
        "queued",
        "Which one?",
    )
    assert job["params"]["layers"] == ["relu3_1"]
    assert (job["params"]["units"], job["params"]["top_k"]) == ([3, 7], None)
    assert len(job["params"]["pictures"]) == 9
    assert api.notifier.notified == [job["id"]]
    claim = api.claimed()
    assert (claim.job_id, claim.kind) == (job["id"], JobKind.EXPLORE)
    assert [blob.digest for blob in claim.inputs["picture"].values()] == [
        hashlib.sha256(data).hexdigest() for data in nine
    ]


def test_without_pictures_it_looks_at_those_that_are_shipped(api, monkeypatch):
    monkeypatch.setattr(service, "SHIPPED_FOLDER", SHIPPED_FOLDER)
    job = explore(api, params={}).json

    assert (
        len(job["params"]["pictures"]) == len(list(SHIPPED_FOLDER.glob("*.jpg"))) >= 50
    )
    assert job["params"]["layers"] == list(ExploreParams().layers)
    asset_id = job["params"]["pictures"][0]
    first = api.client.get(f"/v1/assets/{asset_id}/content")
    assert first.data == min(SHIPPED_FOLDER.glob("*.jpg")).read_bytes()


def test_pictures_sent_before_are_named_by_their_ids(api, nine, a_picture):
    ids = explore(api, nine).json["params"]["pictures"]

    again = api.client.post(
        "/v1/explorations", json={"pictures": ids, "top_k": 2, "name": "again"}
    )
    with_one_more = explore(api, [a_picture("black")], {"pictures": ids[:8]})

    assert again.status_code == 202, again.text
    assert again.json["params"]["pictures"] == ids
    assert (again.json["params"]["top_k"], again.json["name"]) == (2, "again")
    assert with_one_more.json["params"]["pictures"][:8] == ids[:8]
    assert len(with_one_more.json["params"]["pictures"]) == 9


def test_a_picture_sent_twice_counts_once(api, nine):
    more = explore(api, [*nine, nine[0]])
    fewer = explore(api, [*nine[:8], nine[0], nine[1]])

    assert len(more.json["params"]["pictures"]) == 9
    assert problems(fewer)["/picture"] == (
        "too-few",
        "8 distinct picture(s) (10 in all, some of them the same), at least 9",
    )


def test_too_few_pictures_are_refused_and_none_is_kept(api, nine):
    before = set(api.settings.home.rglob("*"))

    refused = problems(explore(api, nine[:8]))

    assert refused["/picture"][0] == "too-few"
    assert set(api.settings.home.rglob("*")) == before


def test_the_known_ids_of_too_few_pictures_are_refused_where_they_stand(api, nine):
    ids = explore(api, nine).json["params"]["pictures"]

    form = problems(explore(api, params={"pictures": ids[:3]}))
    text = problems(api.client.post("/v1/explorations", json={"pictures": ids[:3]}))

    assert form["/params/pictures"][0] == text["/pictures"][0] == "too-few"


def test_ids_of_no_picture_or_of_somebody_else_are_named(api, nine):
    ids = explore(api, nine).json["params"]["pictures"]
    ensure_owner(api.db, "own_other")
    theirs = add_asset(
        api.db, NewAsset("own_other", "ab" * 32, "k", 1, "image/png", 8, 8)
    )

    refused = problems(explore(api, params={"pictures": [*ids, "ast_none", theirs]}))

    assert refused == {
        "/params/pictures/9": ("not-found", "is no picture of yours"),
        "/params/pictures/10": ("not-found", "is no picture of yours"),
    }


def test_a_file_that_is_no_picture_is_named_by_its_place(api, nine):
    refused = problems(explore(api, [*nine, b"this is text"]))

    assert refused["/picture/9"][0] == "image-unreadable"


def test_an_unknown_layer_is_answered_with_those_that_exist(api, nine):
    _code, detail = problems(explore(api, nine, {"layers": ["relu3_9"]}))[
        "/params/layers"
    ]

    assert all(name in detail for name in layer_names("vgg16"))


def test_every_wrong_value_is_named_at_once(api, nine):
    refused = problems(
        explore(
            api,
            nine,
            {"layers": ["relu1_1"], "units": [64], "patches": 0, "colour": 1},
            painting="x",
            name="n" * 201,
        )
    )

    assert set(refused) == {
        "/params/units",
        "/params/patches",
        "/params/colour",
        "/painting",
        "/name",
    }
    assert "its units are 0 to 63" in refused["/params/units"][1]


def test_more_pictures_than_the_limit_are_refused(api, a_picture):
    many = [a_picture(size=(16 + i, 16)) for i in range(MAX_PICTURES + 1)]

    assert problems(explore(api, many))["/picture"][0] == "too-many"


@pytest.mark.parametrize("text", ["{", "[]", '{"top_k": NaN}', '{"a": 1, "a": 2}'])
def test_what_is_not_strict_json_is_refused(api, nine, text):
    assert explore(api, nine, text).status_code == 400
    told = api.client.post(
        "/v1/explorations", data=text, content_type="application/json"
    )
    assert (told.status_code, told.json["code"]) == (400, "malformed-json")


def test_a_name_that_is_no_text_is_refused(api):
    refused = problems(api.client.post("/v1/explorations", json={"name": 3}))

    assert refused["/name"][0] == "string-type"


def test_a_name_may_be_null_as_the_document_says(api):
    response = api.client.post("/v1/explorations", json={"name": None})

    assert (response.status_code, response.json["name"]) == (202, None)


def test_another_kind_of_body_is_refused_with_an_example(api):
    told = api.client.post("/v1/explorations", data="x", content_type="text/plain")

    assert told.status_code == 415
    assert "-F picture=@" in told.json["hint"]


def test_json_beyond_all_measure_is_refused(api):
    told = api.client.post("/v1/explorations", json={"name": "n" * 300_000})

    assert told.status_code == 413


def test_progress_counts_pictures(api, nine):
    job_id = explore(api, nine).json["id"]
    claim = api.claimed()

    api.beat(
        claim, phase="looking", scale=0, scale_iteration=3, iteration=3, losses={},
        width=100, height=50, seconds_per_mpx_iteration=100.0, iteration_seconds=[0.5],
    )  # fmt: skip

    progress = api.client.get(f"/v1/jobs/{job_id}").json["progress"]
    assert progress["fraction"] == pytest.approx(3 / 9, abs=1e-4)
    assert (progress["iteration"], progress["iterations"]) == (3, 9)
    assert (progress["it_per_s"], progress["eta_s"]) == (2.0, 3.0)


def test_a_finished_exploration_lists_its_files_and_hands_them_out(api, nine):
    job_id = explore(api, nine).json["id"]
    claim = api.claimed()
    sheet, places = b"\x89PNG a sheet", b'{"patches": []}'
    files = {"relu1_1.png": (sheet, "image/png", 732, 814), "patches.json": (
        places, "application/json", None, None)}  # fmt: skip
    outputs = []
    for name, (data, media_type, width, height) in files.items():
        key = f"results/{job_id}/1-{name}"
        api.storage.put(key, data)
        blob = WrittenBlob(key, hashlib.sha256(data).hexdigest(), len(data))
        outputs.append(StoredOutput(name, blob, media_type, width, height))
    result = JobResult(outputs[0].blob, 732, 814, exact=True, outputs=tuple(outputs))
    complete_job(api.db, claim, result)

    job = api.client.get(f"/v1/jobs/{job_id}").json
    listed = api.client.get("/v1/jobs").json["data"][0]

    assert [each["name"] for each in job["outputs"]] == list(files)
    assert listed["outputs"] == job["outputs"]
    assert job["progress"] is None or job["progress"]["fraction"] == 1
    for told, (data, media_type, width, _) in zip(
        job["outputs"], files.values(), strict=True
    ):
        got = api.client.get(told["url"])
        assert (got.data, got.mimetype) == (data, media_type)
        assert got.get_etag() == (told["sha256"], False)
        assert told["width"] == width
    assert api.client.get(job["urls"]["result"]).data == sheet


@pytest.mark.parametrize("name", ["relu2_1.png", "..%2F..%2Fx", "%00", "é"])
def test_a_file_that_a_job_has_not_made_is_not_there(api, nine, name):
    job_id = explore(api, nine).json["id"]

    told = api.client.get(f"/v1/jobs/{job_id}/outputs/{name}")

    assert (told.status_code, told.json["code"]) == (404, "not-found")


def test_the_form_and_the_json_are_described_with_the_parameters(client):
    document = client.get("/openapi.json").json

    body = document["paths"]["/v1/explorations"]["post"]["requestBody"]["content"]
    assert set(body) == {"multipart/form-data", "application/json"}
    schemas = document["components"]["schemas"]
    assert set(schemas["ExploreParams"]["properties"]) == set(
        ExploreParams.model_fields
    )
    assert "picture" in schemas["ExplorationForm"]["properties"]
    assert set(schemas["ExplorationRequest"]["properties"]) == {
        *ExploreParams.model_fields,
        *JobOptions.model_fields,
        "params",
    }


def test_options_are_those_of_any_job(api, nine):
    form = explore(api, nine, priority="high", tags='["a"]', max_attempts="2").json
    body = {"params": {"pictures": form["params"]["pictures"]}, "priority": "high",
            "tags": ["a"], "max_attempts": 2}  # fmt: skip
    in_json = api.client.post("/v1/explorations", json=body).json

    for job in (form, in_json):
        told = (job["priority"], job["tags"], job["max_attempts"])
        assert told == ("high", ["a"], 2)
    assert in_json["params"] == form["params"]


def test_a_refused_exploration_leaves_nothing_behind(make_api, nine):
    api = make_api(max_queued_per_owner=1)
    api.submitted()
    before = api.client.get("/v1/assets").json["data"]

    refused = [explore(api, nine), explore(api, nine, cancel_after="soon")]

    assert [one.status_code for one in refused] == [429, 422]
    assert api.client.get("/v1/assets").json["data"] == before


def test_a_json_body_is_read_as_strictly_as_any_other(client):
    """And an empty one says nothing, as none does: the shipped pictures are taken."""
    sent = {"content_type": "application/json"}

    broken = client.post("/v1/explorations", data=b'{"name": "\xff"}', **sent)
    empty = client.post("/v1/explorations", data=b"", **sent)

    assert (broken.status_code, broken.json["code"]) == (400, "malformed-json")
    assert empty.status_code == 202


@pytest.mark.parametrize(
    "body", [{"layers": ["relu9_9"]}, {"params": {"top_k": "many"}}, {"nonsense": 1}]
)
def test_no_picture_is_looked_at_for_wrong_parameters(api, monkeypatch, body):
    looked_at = []
    monkeypatch.setattr(job_pictures, "inspect_picture", looked_at.append)

    refused = api.client.post("/v1/explorations", json=body)

    assert (refused.status_code, refused.json["code"]) == (422, "validation")
    assert looked_at == []
