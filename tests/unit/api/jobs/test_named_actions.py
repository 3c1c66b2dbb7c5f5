"""What a job names in `urls` and `allowed_actions` is possible, in every state."""

from __future__ import annotations

import pytest

from shared.jobs.actions import cancel, finish, pause
from shared.jobs.checkpoints import record_checkpoint
from shared.jobs.deletion import cancel_and_purge_job
from shared.jobs.lease import JobResult, WrittenBlob, complete_job, stop_job
from shared.jobs.retention import drop_expired_checkpoints, drop_expired_results
from shared.jobs.submit import LOCAL_OWNER_ID as OWNER
from shared.maintenance.deadlines import expire_jobs
from shared.states import JobState
from tests.unit.api.conftest import picture

BODIES = {"fork": {"from": {"iteration": 50}}, "extend": {"iterations": 5}}


def queued(api):
    return api.submitted(max_edge=256)


def queued_exploration(api):
    return api.client.post("/v1/explorations").json["id"]


def claimed(api, make=queued):
    job_id = make(api)
    claim = api.claimed(nonce=job_id)
    assert claim.job_id == job_id
    return job_id, claim


def keep(api, claim, iteration=50):
    key = f"checkpoints/{claim.job_id}/{claim.fence}-{iteration}"
    api.storage.put(key, b"tensors")
    record_checkpoint(api.db, claim, iteration, WrittenBlob(key, "ef" * 32, 7), 1)


def running(api):
    return claimed(api)[0]


def running_with_a_checkpoint(api):
    job_id, claim = claimed(api)
    keep(api, claim)
    api.frame(claim, 40, picture(kind="JPEG"))
    return job_id


def running_exploration(api):
    return claimed(api, queued_exploration)[0]


def finishing(api):
    job_id = running_with_a_checkpoint(api)
    finish(api.db, OWNER, job_id)
    return job_id


def pausing(api):
    job_id = running(api)
    pause(api.db, OWNER, job_id)
    return job_id


def pausing_and_finishing(api):
    job_id = finishing(api)
    pause(api.db, OWNER, job_id)
    return job_id


def paused_early(api):
    job_id = queued(api)
    pause(api.db, OWNER, job_id)
    return job_id


def paused(api, make=queued):
    job_id, claim = claimed(api, make)
    if make is queued:
        keep(api, claim)
    pause(api.db, OWNER, job_id)
    stop_job(api.db, claim)
    return job_id


def paused_exploration(api):
    return paused(api, queued_exploration)


def queued_again_to_finish(api):
    job_id = paused(api)
    finish(api.db, OWNER, job_id)
    return job_id


def canceling(api):
    job_id = running_with_a_checkpoint(api)
    cancel(api.db, OWNER, job_id)
    return job_id


def to_be_purged(api):
    job_id = running_with_a_checkpoint(api)
    cancel_and_purge_job(api.db, OWNER, job_id)
    return job_id


def canceled(api, make=queued):
    job_id, claim = claimed(api, make)
    if make is queued:
        keep(api, claim)
    cancel(api.db, OWNER, job_id)
    stop_job(api.db, claim)
    return job_id


def canceled_exploration(api):
    return canceled(api, queued_exploration)


def canceled_as_it_completed(api):
    job_id, claim = claimed(api)
    cancel(api.db, OWNER, job_id)
    api.finish(claim, picture())
    return job_id


def failed(api):
    job_id, claim = claimed(api)
    api.fail(claim)
    return job_id


def expired(api):
    job_id = queued(api)
    pause(api.db, OWNER, job_id)
    api.clock.advance(86_400 * 40)
    expire_jobs(api.db, 30)
    return job_id


def succeeded(api, make=queued):
    job_id, claim = claimed(api, make)
    keep(api, claim)
    api.frame(claim, 40, picture(kind="JPEG"))
    api.finish(claim, picture())
    return job_id


def succeeded_early(api):
    job_id, claim = claimed(api)
    finish(api.db, OWNER, job_id)
    key = f"results/{job_id}/early.png"
    api.storage.put(key, picture(size=(8, 8)))
    written = WrittenBlob(key, "ab" * 32, 5)
    complete_job(api.db, claim, JobResult(written, 8, 8, exact=True))
    return job_id


def queued_with_own_pictures(api):
    files = [("content", picture("pink")), ("style", picture("green"))]
    return api.submit(files).json["id"]


def succeeded_without_pictures(api):
    job_id = succeeded(api, queued_with_own_pictures)
    params = api.client.get(f"/v1/jobs/{job_id}").json["params"]
    for image in (params["content"], params["styles"][0]["image"]):
        assert api.client.delete(f"/v1/assets/{image['asset_id']}").status_code == 204
    return job_id


def succeeded_long_ago(api):
    job_id = succeeded(api)
    api.clock.advance(86_400 * 40)
    drop_expired_checkpoints(api.db, 7)
    drop_expired_results(api.db, 30)
    return job_id


def a_child(api):
    parent = succeeded(api)
    return api.client.post(f"/v1/jobs/{parent}/extend", json=BODIES["extend"]).json[
        "id"
    ]


MAKERS = [
    queued, queued_exploration, queued_again_to_finish, a_child,
    running, running_with_a_checkpoint, running_exploration, finishing,
    pausing, pausing_and_finishing, paused, paused_early, paused_exploration,
    canceling, to_be_purged, canceled, canceled_exploration, canceled_as_it_completed,
    failed, expired,
    succeeded, succeeded_early, succeeded_without_pictures, succeeded_long_ago,
]  # fmt: skip


@pytest.fixture
def api(api, clock):
    api.clock = clock
    return api


def make_job(api, make):
    """Make a job in an own queue, and return it as it is shown."""
    for state in ("queued", "running,pausing"):
        for job in api.client.get(f"/v1/jobs?state={state}&limit=200").json["data"]:
            cancel(api.db, OWNER, job["id"])
    return api.client.get(f"/v1/jobs/{make(api)}").json


def ask(api, job, action):
    if action == "steer":
        headers = {"If-Match": f'"{job["revision"]}"'}
        return api.client.patch(
            job["urls"]["self"], json={"tv_weight": 0.5}, headers=headers
        )
    return api.client.post(job["urls"][action], json=BODIES.get(action))


def test_the_makers_reach_every_state(api):
    reached = {make_job(api, make)["state"] for make in MAKERS}

    assert reached == set(JobState)


@pytest.mark.parametrize("make", MAKERS)
def test_every_named_action_is_possible(api, make):
    job = make_job(api, make)

    for action in job["allowed_actions"]:
        answer = ask(api, make_job(api, make), action)
        assert answer.status_code in {200, 202}, (action, answer.json)


@pytest.mark.parametrize("make", MAKERS)
def test_every_named_address_answers(api, make):
    job = make_job(api, make)
    urls = [
        job["preview"] and job["preview"]["url"],
        *(o["url"] for o in job["outputs"]),
    ]
    actions = {"cancel", "pause", "resume", "finish", "extend", "fork", "retry"}
    urls += [url for name, url in job["urls"].items() if name not in actions]

    for url in filter(None, urls):
        answer = api.client.get(url)
        assert answer.status_code == 200, (url, answer.text)
    named = {name for name in actions if job["urls"][name]}
    assert named == set(job["allowed_actions"]) - {"steer"}
    frames = api.client.get(job["urls"]["frames"]).json["data"]
    for each in [*job["checkpoints"], *frames]:
        if each["promote_url"]:
            promoted = api.client.post(each["promote_url"])
            assert promoted.status_code in {200, 201, 202}, promoted.json
