"""What is known of the course of a job: losses, log, family, manifest; the queue."""

from __future__ import annotations

import pytest

from shared.jobs.checkpoints import store_loss_history
from shared.jobs.lease import JobResult, WrittenBlob, complete_job

ORIGIN = {
    "inputs": {"content": "aa", "style": "bb,cc", "mask": ",dd", "weights": "ee"},
    "maker": {"device": "cpu X", "threads": "1"},
}


def test_the_losses_are_told_as_json_and_as_csv(api, client):
    job_id = api.submitted()
    url = client.get(f"/v1/jobs/{job_id}").json["urls"]["metrics"]
    before = client.get(url).json
    points = [[1, 0, 3.5, 1.0, 2.0, 0.5], [2, 0, None, None, None, None]]
    store_loss_history(api.db, api.claimed(), points)

    told, csv = client.get(url), client.get(f"{url}?format=csv")

    assert before == {"job_id": job_id, "data": []}
    assert told.json["data"][0] == {
        "iteration": 1, "scale": 0, "total": 3.5, "content": 1.0, "style": 2.0,
        "tv": 0.5,
    }  # fmt: skip
    assert told.json["data"][1]["total"] is None
    assert csv.mimetype == "text/csv"
    assert csv.text.splitlines() == [
        "iteration,scale,total,content,style,tv", "1,0,3.5,1.0,2.0,0.5", "2,0,,,,"
    ]  # fmt: skip
    known = {"If-None-Match": told.headers["ETag"]}
    assert client.get(url, headers=known).status_code == 304


def test_the_log_tells_what_happened_and_goes_on_from_where_one_has_read(api, client):
    job = api.submit().json
    client.patch(job["urls"]["self"], json={"priority": "high"})
    first = client.get(job["urls"]["logs"]).json
    client.post(job["urls"]["cancel"])

    later = client.get(f"{job['urls']['logs']}?since={first['next_since']}").json

    assert [line["event"] for line in first["data"]] == ["submit", "steer"]
    assert first["data"][1]["detail"] == {"priority": "high"}
    assert [(line["from_state"], line["state"]) for line in later["data"]] == [
        ("queued", "canceled")
    ]
    last = client.get(f"{job['urls']['logs']}?since={later['next_since']}").json
    assert last == {"data": [], "next_since": later["next_since"]}


def test_the_log_can_be_read_by_people(api, client):
    job = api.submit().json
    client.post(job["urls"]["cancel"])

    text = client.get(f"{job['urls']['logs']}?format=text").text

    assert text.splitlines()[1].endswith("Z cancel queued -> canceled")


@pytest.mark.parametrize("query", ["since=-1", "since=99999999999999999999", "limit=0"])
def test_a_wrong_part_of_the_log_is_422(api, client, query):
    assert client.get(f"/v1/jobs/{api.submitted()}/logs?{query}").status_code == 422


def test_a_tree_is_the_same_from_wherever_it_is_looked_at(api, client, clock):
    root = api.submitted()
    client.post(f"/v1/jobs/{root}/cancel")
    clock.advance(1)
    one, two = (client.post(f"/v1/jobs/{root}/retry").json["id"] for _ in range(2))
    client.post(f"/v1/jobs/{one}/cancel")
    clock.advance(1)
    leaf = client.post(f"/v1/jobs/{one}/retry").json["id"]
    api.submitted()

    trees = [client.get(f"/v1/jobs/{each}/tree").json for each in (root, two, leaf)]

    told = [(kin["id"], kin["parent_id"]) for kin in trees[0]["data"]]
    assert sorted(told[1:3]) == sorted([(one, root), (two, root)])
    assert (told[0], told[3]) == ((root, None), (leaf, one))
    assert trees[0]["data"] == trees[1]["data"] == trees[2]["data"]
    assert not trees[0]["more"]


def test_the_queue_is_told_of_all_owners_together(api, client):
    api.submitted()
    api.submitted()
    api.worker()
    api.claimed()

    told = client.get("/v1/queue").json
    del told["estimated_wait"]
    assert told == {"queued": 1, "running": 1, "workers": 1, "draining": 0}


def test_a_manifest_of_a_waiting_job_tells_what_is_known(api, client):
    job = api.submit(
        params={"max_edge": 128},
        segments='[{"from_iteration": 3, "changes": {"tv_weight": 1}}]',
    ).json

    told = client.get(job["urls"]["manifest"]).json

    assert told["params"]["max_edge"] == 128
    assert "content" not in told["params"]
    assert told["params"]["styles"] == [{"weight": 1.0}]
    assert told["segments"] == [{"from_iteration": 3, "changes": {"tv_weight": 1.0}}]
    assert set(told["inputs"]) == {"content", "style"}
    pictures = {one["role"]: one for one in told["pictures"]}
    assert told["inputs"]["content"] == [pictures["content"]["sha256"]]
    assert client.get(pictures["style"]["url"]).status_code == 200
    assert told["params_digest"] == job["params_digest"]
    assert (told["made_with"], told["result"], told["exact"]) == (None, None, None)


def test_a_manifest_of_a_finished_job_tells_how_it_was_made(api, client):
    job = api.submit().json
    claim = api.claimed()
    api.storage.put("results/x.png", b"png")
    result = JobResult(
        WrittenBlob("results/x.png", "ff" * 32, 3), 8, 9, exact=False,
        exact_reason="another device", provenance=ORIGIN,
    )  # fmt: skip
    complete_job(api.db, claim, result)

    told = client.get(job["urls"]["manifest"]).json

    assert told["made_with"] == ORIGIN["maker"]
    assert told["inputs"] == {
        "content": ["aa"], "style": ["bb", "cc"], "mask": ["", "dd"], "weights": ["ee"]
    }  # fmt: skip
    assert (told["exact"], told["exact_reason"]) == (False, "another device")
    assert told["result"] == {
        "sha256": "ff" * 32, "bytes": 3, "media_type": "image/png", "width": 8,
        "height": 9, "url": f"/v1/jobs/{job['id']}/result",
    }  # fmt: skip
    assert told["iterations"] == told["planned"]


def test_a_manifest_outlives_the_pictures(api, client):
    job = api.submit().json
    client.post(job["urls"]["cancel"])
    client.delete(f"/v1/assets/{job['params']['content']['asset_id']}")

    told = client.get(job["urls"]["manifest"]).json

    content = next(one for one in told["pictures"] if one["role"] == "content")
    assert content["url"] is None
    assert told["inputs"]["content"] == [content["sha256"]]


def test_the_manifest_of_an_exploration_tells_its_pictures(client):
    job = client.post("/v1/explorations", json={"layers": ["relu1_1"]}).json

    told = client.get(job["urls"]["manifest"]).json

    assert told["kind"] == "explore"
    assert len(told["inputs"]["picture"]) == len(job["params"]["pictures"])
    assert "pictures" not in told["params"]
