"""Whatever a job names as possible works, and what it does not name is refused.

One table: each situation of a job, asked for each action and for each address.
"""

from __future__ import annotations

import pytest

from shared.jobs.checkpoints import record_checkpoint
from shared.jobs.lease import (
    JobResult,
    WrittenBlob,
    complete_job,
    release_job,
    stop_job,
)
from shared.jobs.retention import drop_expired_checkpoints, drop_expired_results
from shared.maintenance.deadlines import expire_jobs
from shared.states import JobState
from tests.unit.api.conftest import picture

ACTIONS = ("cancel", "pause", "resume", "finish", "steer", "fork", "extend", "retry")
KEPT = 60  # iteration of the checkpoint and of the preview


class Story:
    """One job, brought into a situation step by step."""

    def __init__(self, api, clock, *, explores=False):
        self.api, self._clock = api, clock
        if explores:
            submitted = api.client.post("/v1/explorations")
        else:
            submitted = api.submit(start_deadline="100")
        assert submitted.status_code == 202, submitted.text
        self.url = submitted.json["urls"]["self"]
        self._claim = None

    def job(self):
        return self.api.client.get(self.url).json

    def ask(self, action, **body):
        url = f"{self.url}/{action}"
        send = self.api.client.post
        assert (send(url, json=body) if body else send(url)).status_code in {200, 202}

    def claimed(self):
        self._claim = self.api.claimed(nonce=self.url)

    def kept(self):
        """A worker has stored a checkpoint and a preview."""
        self.claimed()
        key = f"checkpoints/{self._claim.job_id}/{KEPT}"
        self.api.storage.put(key, b"tensors")
        blob = WrittenBlob(key, "ef" * 32, 7)
        record_checkpoint(self.api.db, self._claim, KEPT, blob, 1)
        for iteration in (KEPT, KEPT + 5):
            self.api.frame(self._claim, iteration, picture(kind="JPEG"))

    def released(self):
        release_job(self.api.db, self._claim)

    def stopped(self):
        stop_job(self.api.db, self._claim)

    def done(self, **more):
        key = f"results/{self._claim.job_id}.png"
        self.api.storage.put(key, picture())
        blob = WrittenBlob(key, "ab" * 32, 4)
        complete_job(
            self.api.db, self._claim, JobResult(blob, 8, 8, exact=True, **more)
        )

    def done_early(self):
        self.done(iterations=70, completion="early")

    def failed(self):
        self.api.fail(self._claim)

    def expired(self):
        self._clock.advance(101)
        expire_jobs(self.api.db, 14)

    def results_dropped(self):
        self._clock.advance(86_400 * 40)
        drop_expired_results(self.api.db, 30)

    def checkpoints_dropped(self):
        self._clock.advance(86_400 * 40)
        drop_expired_checkpoints(self.api.db, 30)

    def picture_deleted(self):
        content = self.job()["urls"]["content"].removesuffix("/content")
        assert self.api.client.delete(content).status_code == 204

    def child_deleted(self):
        child = self.api.client.post(f"{self.url}/retry").json["urls"]
        self.api.client.post(child["cancel"])
        assert self.api.client.delete(child["self"]).status_code == 204

    def painting_deleted(self):
        image = self.job()["params"]["styles"][0]["image"]
        deleted = self.api.client.delete(f"/v1/assets/{image['asset_id']}")
        assert deleted.status_code == 204

    def extended(self):
        """The story goes on with the child."""
        made = self.api.client.post(f"{self.url}/extend", json={"iterations": 5})
        self.url = made.json["urls"]["self"]

    def asked_to_finish(self):
        self.ask("finish")

    def asked_to_pause(self):
        self.ask("pause")

    def asked_to_cancel(self):
        self.ask("cancel")

    def asked_to_go(self):
        self.ask("cancel", purge=True)


STORIES = {
    "queued": [],
    "queued with a checkpoint": ["kept", "released"],
    "queued to be finished": ["kept", "released", "asked_to_finish"],
    "queued, a child": ["kept", "done", "extended"],
    "running": ["claimed"],
    "running with a checkpoint": ["kept"],
    "running to be finished": ["kept", "asked_to_finish"],
    "pausing": ["claimed", "asked_to_pause"],
    "pausing with a checkpoint": ["kept", "asked_to_pause"],
    "pausing to be finished": ["kept", "asked_to_finish", "asked_to_pause"],
    "paused": ["asked_to_pause"],
    "paused with a checkpoint": ["kept", "asked_to_pause", "stopped"],
    "canceling": ["kept", "asked_to_cancel"],
    "canceling to be deleted": ["kept", "asked_to_go"],
    "canceled": ["asked_to_cancel"],
    "canceled with a checkpoint": ["kept", "asked_to_cancel", "stopped"],
    "canceled, not yet deleted": ["kept", "asked_to_go", "stopped"],
    "canceled as it completed": ["kept", "asked_to_cancel", "done"],
    "canceled without its picture": ["asked_to_cancel", "picture_deleted"],
    "canceled, a child deleted": ["asked_to_cancel", "child_deleted"],
    "succeeded": ["claimed", "done"],
    "succeeded with a checkpoint": ["kept", "done"],
    "succeeded early": ["kept", "asked_to_finish", "done_early"],
    "succeeded, result dropped": ["kept", "done", "results_dropped"],
    "succeeded, checkpoints dropped": ["kept", "done", "checkpoints_dropped"],
    "succeeded without its pictures": [
        "kept", "done", "picture_deleted", "painting_deleted"
    ],
    "failed": ["claimed", "failed"],
    "failed with a checkpoint": ["kept", "failed"],
    "failed without its picture": ["kept", "failed", "picture_deleted"],
    "expired": ["expired"],
    "exploration queued": [],
    "exploration running": ["claimed"],
    "exploration paused": ["claimed", "asked_to_pause", "stopped"],
    "exploration canceled": ["claimed", "asked_to_cancel", "stopped"],
    "exploration succeeded": ["claimed", "done"],
    "exploration failed": ["claimed", "failed"],
}  # fmt: skip


@pytest.fixture(params=STORIES)
def tell(request, api, clock):
    """Bring one more new job into the situation."""
    name = request.param
    state, explores = name.removeprefix("exploration "), "exploration" in name

    def tell():
        for job in api.client.get("/v1/jobs?state=queued").json["data"]:
            api.client.post(job["urls"]["cancel"])  # so that it is not claimed instead
        story = Story(api, clock, explores=explores)
        for step in STORIES[name]:
            getattr(story, step)()
        assert state.startswith(story.job()["state"])
        return story

    return tell


def send(story, action):
    client = story.api.client
    if action == "steer":
        headers = {"If-Match": "*"}
        return client.patch(story.url, json={"style_weight": 3}, headers=headers)
    bodies = {"fork": {"from": {"iteration": KEPT}}, "extend": {"iterations": 5}}
    return client.post(f"{story.url}/{action}", json=bodies.get(action))


def test_there_is_a_story_of_every_state():
    told = {name.removeprefix("exploration ").replace(",", "") for name in STORIES}

    assert {name.split()[0] for name in told} == {*JobState}


def test_every_action_that_is_named_works(tell):
    for action in tell().job()["allowed_actions"]:
        response = send(tell(), action)

        assert response.status_code in {200, 202}, response.text


def addresses(value, path=""):
    """(where it stands, address) of each address in an answer."""
    if isinstance(value, dict):
        for name, member in value.items():
            yield from addresses(member, f"{path}/{name}")
    elif isinstance(value, list):
        for member in value:
            yield from addresses(member, path)
    elif isinstance(value, str) and value.startswith("/v1/"):
        yield path, value


def test_what_is_named_answers_and_all_else_is_refused_or_changes_nothing(tell):
    story = tell()
    job = story.job()

    check_other_actions(story, job)
    check_addresses(story, job)
    refused = story.api.client.delete(story.url)
    if refused.status_code == 409:
        assert refused.json["allowed_actions"] == job["allowed_actions"]
    else:
        assert refused.status_code == 204


def check_other_actions(story, job):
    named = job["allowed_actions"]
    urls = {action for action in ACTIONS if job["urls"].get(action)}
    assert urls == {*named} - {"steer"}
    before = ids_of_jobs(story)
    for action in {*ACTIONS} - {*named}:
        response = send(story, action)

        assert response.status_code in {200, 202, 409}, response.text
        if response.status_code == 409:
            assert response.json.get("allowed_actions", named) == named
    assert story.job()["revision"] == job["revision"]
    assert ids_of_jobs(story) == before, "an action that is not named makes no job"


def ids_of_jobs(story):
    return {job["id"] for job in story.api.client.get("/v1/jobs").json["data"]}


def check_addresses(story, job):
    client = story.api.client
    named = [(p, u) for p, u in addresses(job) if p[6:] not in ACTIONS]
    for record in ("frames", "manifest", "tree"):
        answer = client.get(job["urls"][record])
        assert answer.status_code == 200
        named += [(f"/{record}{p}", u) for p, u in addresses(answer.json)]

    for path, url in named:
        if not path.endswith("promote_url"):
            assert client.get(url).status_code == 200, path
    unnamed = {"result": "result", "latest_frame": "frames/latest"}
    for name, path in unnamed.items():
        if job["urls"][name] is None:
            status = client.get(f"{story.url}/{path}").status_code
            assert status in {404, 409, 410}, name
    for path, url in named:
        if path.endswith("promote_url"):
            assert client.post(url).status_code in {200, 201, 202}, path
