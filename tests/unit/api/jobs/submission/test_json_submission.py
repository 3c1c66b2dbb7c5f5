"""Jobs in JSON, whose pictures were sent before; equal work that is not done twice."""

from __future__ import annotations

import io

import pytest

from shared.db.models.jobs import Job


@pytest.fixture
def asset(client, a_picture):
    """Upload a picture of a color; return how a job refers to it."""

    def upload(color="red", **about):
        form = {"file": (io.BytesIO(a_picture(color, **about)), "a.png")}
        return {"asset_id": client.post("/v1/assets", data=form).json["id"]}

    return upload


@pytest.fixture
def body(asset):
    return {"content": asset(), "styles": [{"image": asset("blue"), "weight": 2.0}]}


def pointers(response):
    assert response.status_code == 422, response.text
    return [one["pointer"] for one in response.json["errors"]]


def test_a_job_in_json_is_the_same_as_one_in_a_form(api, client, body):
    in_json = client.post("/v1/jobs", json={**body, "max_edge": 128})
    in_form = api.submit(params={"max_edge": 128, "styles": [{"weight": 2.0}]})

    assert in_json.status_code == in_form.status_code == 202
    assert in_json.headers["Location"] == in_json.json["urls"]["self"]
    assert in_json.json["params"] == in_form.json["params"]
    assert in_json.json["params_digest"] == in_form.json["params_digest"]
    assert api.notifier.notified[0] == in_json.json["id"]


def test_masks_regions_and_a_start_are_named_by_id(api, client, asset, body):
    mask, start = asset("white", mode="L"), asset("green")
    body["styles"][0] |= {"mask": mask, "region": mask}

    response = client.post(
        "/v1/jobs", json={**body, "init": "image", "init_image": start}
    )

    assert response.status_code == 202, response.text
    params = response.json["params"]
    assert params["styles"][0]["mask"] == params["styles"][0]["region"] == mask
    assert params["init_image"] == start
    claim = api.claimed()
    assert set(claim.inputs) == {"content", "style", "mask", "region", "init_image"}


def test_label_maps_are_named_by_id(api, client, asset, body):
    labels = asset("white", mode="L")
    body["styles"][0]["labels"] = labels
    body |= {"content_labels": labels, "style_loss": "neighbors"}

    response = client.post("/v1/jobs", json=body)

    assert response.status_code == 202, response.text
    params = response.json["params"]
    assert params["styles"][0]["labels"] == params["content_labels"] == labels
    assert {"content_labels", "labels"} < set(api.claimed().inputs)


def test_label_maps_that_do_not_agree_are_pointed_at(client, asset, body):
    body["styles"][0]["labels"] = asset("white", mode="L")
    body |= {"content_labels": asset("red"), "style_loss": "neighbors"}

    response = client.post("/v1/jobs", json=body)

    assert pointers(response) == ["/content_labels"]


def test_a_mask_that_cannot_be_used_is_pointed_at(client, asset, body):
    body["styles"][0]["mask"] = asset("black", mode="L", size=(48, 64))

    response = client.post("/v1/jobs", json=body)

    assert pointers(response) == ["/styles/0/mask", "/styles/0/mask"]


def test_every_mistake_is_named_at_once(client, asset):
    wrong = {
        "content": {"asset_id": "ast_01JNONE"},
        "styles": [{"weight": -1}, {"image": {"asset_id": "a'b"}}],
        "max_edge": "512",
        "max_egde": 1,
        "segments": [{"from_iteration": -1, "changes": {}}],
        "tags": ["", "x"],
        "priority": "urgent",
        "start_deadline": "yesterday",
        "reuse": "always",
    }

    response = client.post("/v1/jobs", json=wrong)

    assert set(pointers(response)) == {
        "/content/asset_id",
        "/styles/0/weight",
        "/styles/0/image",
        "/styles/1/image/asset_id",
        "/max_edge",
        "/max_egde",
        "/segments/0/from_iteration",
        "/tags/0",
        "/priority",
        "/start_deadline",
        "/reuse",
    }


def test_the_parameters_of_a_job_can_be_sent_as_they_are(api, client):
    first = api.submit(params={"max_edge": 128, "embed_recipe": False}).json

    again = client.post(
        "/v1/jobs", json={"params": first["params"], "metadata": {"order": "42"}}
    ).json

    assert again["params"] == first["params"]
    assert again["params_digest"] == first["params_digest"]
    assert again["metadata"] == {"order": "42"}


def test_an_embedded_recipe_and_metadata_of_the_job_are_two_things(client, body):
    labels = {"order": "42"}

    job = client.post(
        "/v1/jobs", json={**body, "embed_recipe": False, "metadata": labels}
    ).json
    refused = client.post(
        "/v1/jobs", json={**body, "params": {"metadata": False}, "metadata": labels}
    )

    assert job["params"]["embed_recipe"] is False
    assert job["metadata"] == labels
    assert "metadata" not in job["params"]
    assert refused.status_code == 422
    assert [one["pointer"] for one in refused.json["errors"]] == ["/params/metadata"]


def test_what_is_wrong_is_pointed_at_where_it_stands(client, body):
    wrong = {"max_edge": 1, "seed": 1, "styles": [{"weight": -1}]}

    response = client.post(
        "/v1/jobs", json={"params": wrong, "content": body["content"], "seed": -1}
    )

    assert set(pointers(response)) == {
        "/params/max_edge",
        "/params/seed",
        "/params/styles/0/weight",
        "/params/styles/0/image",
        "/seed",
    }
    assert pointers(client.post("/v1/jobs", json={**body, "params": [1]})) == [
        "/params"
    ]


def test_the_same_request_with_the_same_key_makes_one_job(api, client, body):
    key = {"Idempotency-Key": "k-1"}
    first = client.post("/v1/jobs", json=body, headers=key)
    again = client.post("/v1/jobs", json=dict(reversed(body.items())), headers=key)
    other = client.post("/v1/jobs", json={**body, "seed": 1}, headers=key)

    assert again.json == first.json
    assert again.headers["Idempotency-Replayed"] == "true"
    assert (other.status_code, other.json["code"]) == (422, "idempotency-key-reused")
    assert len(client.get("/v1/jobs").json["data"]) == 1


def test_an_empty_body_is_told_what_is_missing(client):
    response = client.post("/v1/jobs", json={})

    assert pointers(response) == ["/content", "/styles"]


@pytest.mark.parametrize(
    "text", ["{", "[]", "\t", '{"a":1,"a":2}', '{"seed": NaN}', "\xff"]
)
def test_what_is_no_strict_json_is_400(client, text):
    response = client.post(
        "/v1/jobs", data=text.encode("latin-1"), content_type="application/json"
    )

    assert (response.status_code, response.json["code"]) == (400, "malformed-json")


def test_options_are_taken_in_both_forms(api, client, body):
    options = {"tags": ["a", "b", "a"], "metadata": {"order": "42"}, "name": "Lisbon"}
    in_json = client.post("/v1/jobs", json={**body, **options, "priority": "high"}).json
    in_form = api.submit(
        tags='["a", "b", "a"]', metadata='{"order": "42"}', name="Lisbon",
        priority="high",
    ).json  # fmt: skip

    for job in (in_json, in_form):
        assert (job["tags"], job["metadata"]) == (["a", "b"], {"order": "42"})
        assert (job["name"], job["priority"]) == ("Lisbon", "high")


def test_tags_and_metadata_can_change_and_go_to_children(api, client):
    job = api.submit(tags='["old"]', metadata='{"a": "1"}').json
    changed = client.patch(
        job["urls"]["self"], json={"tags": ["new"], "metadata": {"b": "2"}}
    ).json
    client.post(changed["urls"]["cancel"])
    child = client.post(f"{job['urls']['self']}/retry").json

    for each in (changed, child):
        assert (each["tags"], each["metadata"]) == (["new"], {"b": "2"})


@pytest.mark.parametrize(
    ("field", "pointer"),
    [
        ({"tags": '["\\u0000"]'}, "/tags/0"),
        ({"tags": str(["x"] * 21).replace("'", '"')}, "/tags"),
        ({"metadata": '{"a": 1}'}, "/metadata/a"),
        ({"metadata": '{"a": "\\u0000"}'}, "/metadata/a"),
        ({"reuse": "always"}, "/reuse"),
    ],
)
def test_wrong_options_of_a_form_are_pointed_at(api, field, pointer):
    assert pointers(api.submit(**field)) == [pointer]


def test_equal_work_is_found_whichever_way_it_was_sent(api, client, body):
    body["styles"][0]["weight"] = 1.0
    first = api.submit(name="first").json
    again = client.post(
        "/v1/jobs", json={**body, "reuse": "finished_or_active", "name": "second"}
    )

    assert (again.status_code, again.json["id"]) == (200, first["id"])
    assert again.json["reused"]
    assert again.json["name"] == "first"
    assert len(api.notifier.notified) == 1


@pytest.mark.parametrize("reuse", ["never", "finished"])
def test_a_job_that_is_not_over_is_reused_only_if_asked_for(api, reuse):
    api.submitted()

    assert api.submit(reuse=reuse).status_code == 202


def test_a_finished_picture_is_reused_while_it_is_kept(api, client):
    first = api.submitted()
    api.finish(api.claimed())

    kept = api.submit(reuse="finished")
    other = api.submit(reuse="finished", params={"seed": 1})
    never = api.submit()
    client.delete(f"/v1/jobs/{first}")
    gone = api.submit(reuse="finished")

    assert (kept.status_code, kept.json["id"]) == (200, first)
    assert [one.status_code for one in (other, never, gone)] == [202, 202, 202]


@pytest.mark.parametrize("what", ["steered", "early", "canceled", "smaller"])
def test_a_job_that_made_another_picture_is_not_reused(api, client, what):
    job = api.submit().json
    if what == "steered":
        client.patch(
            job["urls"]["self"], json={"style_weight": 3}, headers={"If-Match": "*"}
        )
    if what == "canceled":
        client.post(job["urls"]["cancel"])
    else:
        claim = api.claimed()
        if what == "early":
            client.post(f"{job['urls']['self']}/finish")
        if what == "smaller":
            with api.db.write() as session:
                session.get(Job, job["id"]).requested_max_edge = 9
            api.finish(claim)

    assert api.submit(reuse="finished_or_active").status_code == 202


def test_a_job_of_somebody_else_is_not_reused(make_api):
    api = make_api(auth="keys")
    mine, theirs = api.bearer(), api.bearer()
    api.submit(headers=theirs)

    again = api.submit(headers=mine, reuse="finished_or_active")

    assert again.status_code == 202


def test_a_paused_job_is_not_waited_for_by_another(api, client):
    first = api.submitted()
    client.post(f"/v1/jobs/{first}/pause")

    assert api.submit(reuse="finished_or_active").status_code == 202


def test_an_equal_job_that_runs_is_answered_as_such_after_the_wait(api):
    first = api.submitted()

    again = api.submit(reuse="finished_or_active", headers={"Prefer": "wait=1"})

    assert (again.status_code, again.json["id"]) == (200, first)
    assert (again.json["state"], again.json["reused"]) == ("queued", True)
    assert again.headers["Preference-Applied"] == "wait=1"


def test_a_job_in_json_is_estimated_as_one_in_a_form_is(client, body):
    found = client.post("/v1/estimates", json={**body, "max_edge": 128})
    wrong = client.post("/v1/estimates", json={**body, "max_edge": 1})

    assert (found.status_code, found.json["iterations"]) == (200, 150)
    assert max(found.json["width"], found.json["height"]) == 128
    assert pointers(wrong) == ["/max_edge"]
