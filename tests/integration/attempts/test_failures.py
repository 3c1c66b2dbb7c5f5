"""Each class of failure has its own path: whole attempts that fail in one way each."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from shared.errors import DatabaseUnavailable, Diverged, StorageError
from shared.jobs.actions import cancel
from shared.states import JobState, StateReason
from tests.support.farm import OWNER
from worker.devices.device import DeviceInfo, cpu_device
from worker.runner import Runner

TWO_SCALES = {"max_edge": 128, "schedule": ((64, 3), (128, 2))}
FULL = torch.OutOfMemoryError("CUDA out of memory")
BROKEN = torch.AcceleratorError("CUDA error: an illegal memory access", 700)


def at_the_end(error, applies=lambda: True):
    """The device fails so once all iterations are done, when the result is stored."""

    def mood(verb, key):
        fails = verb == "put" and key.startswith("results/") and applies()
        return error if fails else None

    return mood


def no_room_above(farm, job_id, edge):
    """No memory for pictures beyond this size."""
    return at_the_end(FULL, lambda: farm.job(job_id).params["max_edge"] > edge)


def test_what_does_not_fit_fails_and_says_what_would(farm, tools):
    job_id = farm.submit(notify=False, **TWO_SCALES)

    Runner(tools(no_room_above(farm, job_id, 96))).run_one()

    job = farm.job(job_id)
    assert (job.state, job.error_code) == (JobState.FAILED, "out-of-memory")
    assert job.error_retryable is False
    assert "128 px do not fit" in job.error_message
    assert job.error_hint == "max_edge 96 fits; or set allow_smaller to have it chosen"


def test_what_may_be_smaller_goes_on_smaller_and_says_so(farm, tools):
    job_id = farm.submit(notify=False, allow_smaller=True, **TWO_SCALES)

    Runner(tools(no_room_above(farm, job_id, 80))).run_one()

    job = farm.job(job_id)
    assert job.state == JobState.SUCCEEDED
    assert max(job.result_width, job.result_height) == 64  # 128, 96, 72 rounded down
    assert (job.exact, job.requested_max_edge, job.fence) == (False, 128, 1)
    assert job.exact_reason == "made at 64 px, as 128 px did not fit"
    assert [warning["code"] for warning in job.warnings] == ["made-smaller"]


def test_a_job_made_smaller_goes_on_from_the_scale_before(farm, tools):
    job_id = farm.submit(notify=False, allow_smaller=True, **TWO_SCALES)
    here = tools(no_room_above(farm, job_id, 96))

    Runner(here).run_one()

    assert farm.job(job_id).state == JobState.SUCCEEDED
    assert farm.job(job_id).params["schedule"] == [[64, 3], [96, 2]]
    previews = [key for _, key in here.storage.calls if key.startswith("frames/")]
    first = [key for key in previews if key.endswith("-1.jpg")]
    assert len(first) == 1  # not again from the start


def test_what_does_not_fit_at_any_size_fails_though_it_may_be_smaller(farm, tools):
    job_id = farm.submit(notify=False, allow_smaller=True, **TWO_SCALES)

    Runner(tools(lambda verb, key: FULL if verb == "get" else None)).run_one()

    job = farm.job(job_id)
    assert (job.state, job.error_code) == (JobState.FAILED, "out-of-memory")
    assert job.params["max_edge"] == 64
    assert job.error_hint == "use a device with more memory"


def test_a_device_error_sends_the_job_elsewhere_and_counts(farm, tools):
    job_id = farm.submit(notify=False, **TWO_SCALES)
    here = tools(at_the_end(BROKEN))

    runner = Runner(here)
    runner.run_one()

    job = farm.job(job_id)
    assert (job.state, job.error_code) == (JobState.QUEUED, "device-error")
    assert (job.attempts, job.excluded_device) == (1, here.device.uuid)
    assert "another device" in job.error_hint
    assert not runner.is_broken  # it still computes


def test_a_device_that_fails_for_good_takes_no_more_jobs(farm, tools):
    class Dead(DeviceInfo):
        """Computes nothing any more."""

        @property
        def torch_device(self):
            return torch.device("meta" if dead else "cpu")

    dead = []
    job_id = farm.submit(notify=False, **TWO_SCALES)

    def die(verb, key):
        if key.startswith("frames/"):
            dead.append(True)
            return BROKEN
        return None

    here = tools(die)
    about = cpu_device()
    gpu = Dead("cpu", "GPU-1", about.name, about.bytes)
    runner = Runner(replace(here, device=gpu))

    runner.run_one()

    assert runner.is_broken
    assert farm.job(job_id).excluded_device == "GPU-1"
    farm.submit(notify=False, **TWO_SCALES)
    assert runner.run_one() is False


def test_a_diverged_job_goes_on_once_from_the_last_finite_checkpoint(farm, tools):
    job_id = farm.submit(notify=False, **TWO_SCALES)
    spoilt = at_the_end(Diverged("loss is nan"))

    Runner(tools(spoilt)).run_one()
    job = farm.job(job_id)
    assert (job.state, job.error_code) == (JobState.QUEUED, "diverged")
    assert (job.state_reason, job.attempts) == (StateReason.RECOVERING, 0)
    assert job.step_scale < 1
    assert job.checkpoint_iteration > 0

    calm = tools()
    Runner(calm).run_one()

    job = farm.job(job_id)
    assert (job.state, job.exact) == (JobState.SUCCEEDED, False)
    assert "smaller steps" in job.exact_reason
    assert not any(key.endswith("2-1.jpg") for _, key in calm.storage.calls)


def test_an_outage_of_the_database_is_waited_for_and_not_counted(farm, tools):
    job_id = farm.submit(notify=False, **TWO_SCALES)
    away = DatabaseUnavailable("database: gone")

    Runner(tools(lambda verb, key: away if verb == "get" else None)).run_one()

    job = farm.job(job_id)
    assert (job.state, job.error_code) == (JobState.QUEUED, "database-unavailable")
    assert (job.state_reason, job.attempts) == (StateReason.BACKING_OFF, 0)


@pytest.mark.parametrize("error", [StorageError("away"), FULL, BROKEN, KeyError("x")])
def test_a_canceled_job_ends_whatever_goes_wrong(farm, tools, error):
    job_id = farm.submit(notify=False, allow_smaller=True, **TWO_SCALES)

    def cancel_and_fail(verb, key):
        cancel(farm.db, OWNER, job_id)
        return error

    Runner(tools(cancel_and_fail)).run_one()

    assert farm.job(job_id).state == JobState.CANCELED
