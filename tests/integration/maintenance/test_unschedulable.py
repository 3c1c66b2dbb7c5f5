"""Jobs that nobody can take: too large for all, or excluded from the only device."""

from __future__ import annotations

import pytest

from shared.db.models.jobs import Job
from shared.jobs.claim import Device, has_due_job
from shared.jobs.lease import fail_job, retry_with_smaller_steps
from shared.maintenance.rescue import wake_backed_off_jobs
from shared.maintenance.unschedulable import (
    clear_device_exclusions,
    fail_unschedulable_jobs,
)
from shared.params.memory import need_bytes
from shared.params.style import StyleParams
from shared.states import JobState
from shared.workers.registry import Registration, register_worker, set_worker_draining
from tests.support.databases import ON_BOTH
from tests.support.job_rows import BROKEN, claim, events, owner, row, submit

GIB = 2**30


def worker(db, number, gib, device_class="cpu"):
    name, uuid = f"wkr_{number}", f"dev-{number}"
    presence = Registration(name, "box", uuid, device_class, "", gib * GIB, {})
    register_worker(db, presence)
    return Device(name, device_class, gib * GIB, uuid)


def large(db, **more):
    params = StyleParams(max_edge=4096, **more.pop("params", {}))
    job_id = submit(db, need_bytes=need_bytes(params), **more)
    with db.write() as session:
        session.get(Job, job_id).params = params.model_dump(mode="json")
    return job_id


@ON_BOTH
def test_what_no_known_device_can_hold_fails_and_says_what_fits(db, clock):
    worker(db, 1, 2)
    job_id = large(db)
    assert fail_unschedulable_jobs(db, 60) == []  # a larger one may still come
    clock.advance(61)

    assert fail_unschedulable_jobs(db, 60) == [job_id]

    job = row(db, job_id)
    assert (job.state, job.error_code) == (JobState.FAILED, "does-not-fit")
    assert job.error_retryable is False
    fitting = int(job.error_hint.split()[1])
    assert need_bytes(StyleParams(max_edge=fitting, optimizer="adam")) <= 2 * GIB
    assert need_bytes(StyleParams(max_edge=fitting + 16, optimizer="adam")) > 2 * GIB
    assert events(db, job_id) == ["submit", "unschedulable"]
    assert owner(db).queued == 0
    assert fail_unschedulable_jobs(db, 60) == []


def test_with_allow_smaller_it_is_made_smaller_and_says_so(db, clock):
    device = worker(db, 1, 2)
    job_id = large(db, params={"allow_smaller": True})
    clock.advance(61)

    assert fail_unschedulable_jobs(db, 60) == [job_id]

    claimed = claim(db, device=device)
    assert claimed.job_id == job_id
    assert claimed.requested_max_edge == 4096
    assert claimed.params.max_edge < 4096
    (warning,) = row(db, job_id).warnings
    assert warning["code"] == "made-smaller"
    assert "4096 px did not fit" in warning["message"]


BOTH = [(1, 1, "cpu"), (2, 99, "cuda")]


@pytest.mark.parametrize("devices", [[], [(1, 99, "cpu")], BOTH])
def test_where_a_known_device_is_large_enough_or_none_is_known_it_waits(
    db, clock, devices
):
    for device in devices:
        worker(db, *device)
    job_id = large(db)
    clock.advance(3600)  # their workers are dead by now, but known

    assert fail_unschedulable_jobs(db, 60) == []
    assert row(db, job_id).state == JobState.QUEUED


def test_a_large_device_of_another_class_does_not_count(db, clock):
    worker(db, 1, 1, "cpu")
    worker(db, 2, 99, "cuda")
    job_id = large(db, device_class="cpu")
    clock.advance(61)

    assert fail_unschedulable_jobs(db, 60) == [job_id]


@ON_BOTH
def test_a_job_that_a_device_failed_goes_elsewhere(db, clock):
    here, there = worker(db, 1, 8), worker(db, 2, 8)
    job_id = submit(db)
    fail_job(db, claim(db, "a", here), BROKEN, 10, here.uuid)
    clock.advance(11)
    wake_backed_off_jobs(db)

    assert clear_device_exclusions(db) == []
    assert not has_due_job(db, here)
    assert claim(db, "b", here) is None
    assert has_due_job(db, there)
    assert claim(db, "c", there).job_id == job_id


@ON_BOTH
@pytest.mark.parametrize("fate", ["alone", "dead", "draining", "small"])
def test_where_there_is_no_elsewhere_the_failed_device_may_try_again(db, clock, fate):
    if fate != "alone":
        worker(db, 2, 1 if fate == "small" else 8)
    if fate == "dead":
        clock.advance(31)
    here = worker(db, 1, 8)
    if fate == "draining":
        set_worker_draining(db, "wkr_2", draining=True)
    job_id = submit(db, need_bytes=2 * GIB)
    fail_job(db, claim(db, "a", here), BROKEN, 10, here.uuid)
    assert clear_device_exclusions(db) == []  # its pause is not over
    clock.advance(11)
    wake_backed_off_jobs(db)

    assert clear_device_exclusions(db) == [job_id]

    assert claim(db, "b", here).job_id == job_id


def test_a_diverged_job_goes_on_carefully_at_once_and_is_refunded(db):
    job_id = submit(db)
    claimed = claim(db, "a")
    assert claimed.step_scale == 1

    assert retry_with_smaller_steps(db, claimed, BROKEN, 0.3) == JobState.QUEUED

    again = claim(db, "b")
    assert (again.job_id, again.step_scale, again.attempts) == (job_id, 0.3, 1)
