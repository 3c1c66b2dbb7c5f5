"""The loop over the iterations: what it reports, which directives it obeys, and how."""

from __future__ import annotations

import gc
import itertools
import traceback
from dataclasses import replace

import pytest
import torch

from shared.errors import FencedOut
from shared.jobs.checkpoints import read_loss_history
from shared.jobs.claim import Device, claim_job
from shared.jobs.lease import release_job
from shared.jobs.segments import segment_rows
from shared.jobs.steering import JobChange, update_job
from shared.params.segments import Changes, Segment
from shared.states import Completion
from tests.support.farm import OWNER
from tests.support.fault_injection import Given, tight
from tests.support.job_rows import checkpoints
from tests.support.sqlite_backups import copy_database
from worker.attempts.style import StyleAttempt
from worker.lease import Directive, Lease

PARAMS = {"max_edge": 64, "schedule": ((48, 2), (64, 3))}
LARGE = {"max_edge": 224, "schedule": ((64, 2), (224, 3))}
LAST = 5
SMALLEST_PIXELS = 160 * 160  # of a tile of 64 px and what relu4_2 sees around it
HEAVIER, LONGER = Changes(style_weight=100), Changes(iterations=5)


class ScriptedLease(Lease):
    """A lease that notes what is reported, with directives by the last iteration."""

    def __init__(self, context, claim, directives):
        super().__init__(context.db, claim, context.settings, context.draining)
        self.directives, self.reported = directives, []

    def report(self, iteration, progress):
        super().report(iteration, progress)
        self.reported.append((progress["phase"], iteration))

    def directive(self):
        return self.directives.get(self._iteration, Directive.CONTINUE)


@pytest.fixture
def run(farm, tools, narrow_weights):
    """Claim the next job, and run an attempt by a script of directives."""
    nonces, attempts = map(str, itertools.count()), []

    def run(directives=None, change=None, look=lambda pixels: None):
        context = replace(
            tools(checkpoint_seconds=1000), networks=Given(narrow_weights, look)
        )
        claim = claim_job(farm.db, Device("wkr_here", "cpu", 2**40), next(nonces), 60.0)
        if change is not None:
            update_job(farm.db, OWNER, claim.job_id, JobChange(change))
        lease = ScriptedLease(context, claim, directives or {})
        attempt = StyleAttempt(context, claim, lease)
        attempts.append(attempt)  # as the runner has it, until the outcome is recorded
        return attempt, attempt.run(), lease.reported

    return run


def stored_iterations(farm, job_id):
    return [checkpoint.iteration for checkpoint in checkpoints(farm.db, job_id)]


def optimizing(*iterations):
    return [("optimizing", iteration) for iteration in iterations]


def test_nothing_is_stored_that_was_computed_with_a_change_which_the_database_forgot(
    farm, tools, narrow_weights, tmp_path
):
    job_id = farm.submit(notify=False, **PARAMS)
    claim = claim_job(farm.db, Device("wkr_here", "cpu", 2**40), "n", 60.0)
    file, backup = farm.db.url.database, tmp_path / "backup"
    copy_database(file, backup)
    update_job(farm.db, OWNER, job_id, JobChange(HEAVIER))

    class ForgetfulLease(ScriptedLease):
        def directive(self):
            if self._iteration == 3:
                copy_database(backup, file)  # as after a failover
            return super().directive()

    directives = {1: Directive.STEER, 3: Directive.PAUSE}
    context = replace(
        tools(checkpoint_seconds=1000), networks=Given(narrow_weights, id)
    )
    attempt = StyleAttempt(context, claim, ForgetfulLease(context, claim, directives))

    with pytest.raises(FencedOut):
        attempt.run()
    assert stored_iterations(farm, job_id) == []


@pytest.fixture
def undisturbed(farm, run):
    """SHA-256 of the picture of a job without directives."""
    farm.submit(notify=False, **PARAMS)
    return run()[1].blob.digest


def test_each_iteration_is_reported_and_the_last_one_is_the_result(farm, run):
    job_id = farm.submit(notify=False, **PARAMS)

    _, result, reported = run()

    assert reported == [("loading", 0), *optimizing(1, 2, 3, 4, 5)]
    assert (result.iterations, result.completion) == (LAST, Completion.FULL)
    # One where the scale ends, and the last, for forks: none was due by time.
    assert stored_iterations(farm, job_id) == [2, 5]


@pytest.mark.parametrize(
    ("directive", "stored"),
    [(Directive.CANCEL, [2]), (Directive.PAUSE, [2, 3]), (Directive.DRAIN, [2, 3])],
)
def test_a_directive_ends_it_after_the_iteration(farm, run, directive, stored):
    job_id = farm.submit(notify=False, **PARAMS)

    _, outcome, reported = run({3: directive})

    assert outcome is directive
    assert reported[-1] == ("optimizing", 3)
    assert stored_iterations(farm, job_id) == stored
    assert read_loss_history(farm.db, job_id)[-1][0] == 3


@pytest.mark.parametrize("error", [torch.OutOfMemoryError(""), MemoryError()])
def test_a_preview_that_does_not_fit_is_left_out(farm, run, monkeypatch, error):
    farm.submit(notify=False, **PARAMS)

    def fail(_image):
        raise error

    monkeypatch.setattr("worker.attempts.artifacts.to_pil_image", fail)

    _, result, _ = run()

    assert (result.iterations, result.completion) == (LAST, Completion.FULL)


def test_a_finished_picture_is_that_of_the_last_iteration(farm, run):
    farm.submit(notify=False, **PARAMS)

    _, result, reported = run({3: Directive.FINISH})

    assert (result.iterations, result.completion) == (3, Completion.EARLY)
    assert reported[-1] == ("optimizing", 3)


@pytest.mark.parametrize("iteration", [1, 2])
def test_a_change_holds_from_the_next_iteration_as_if_it_had_been_there_before(
    farm, run, iteration
):
    farm.submit(notify=False, **PARAMS)
    attempt, steered, reported = run({iteration: Directive.STEER}, change=HEAVIER)
    assert reported[1:] == optimizing(1, 2, 3, 4, 5)
    assert attempt.claim.segments == (
        Segment(from_iteration=iteration, changes=HEAVIER),
    )

    replay_id = farm.submit(notify=False, **PARAMS)
    with farm.db.write() as session:
        session.add_all(segment_rows(replay_id, attempt.claim.segments))
    _, replayed, _ = run()

    assert steered.blob.digest == replayed.blob.digest


def test_a_change_after_the_last_iteration_may_add_some(farm, run):
    farm.submit(notify=False, **PARAMS)

    _, result, _ = run({LAST: Directive.STEER}, change=LONGER)

    assert result.iterations == 2 + 5


def test_without_a_pending_change_steering_changes_nothing(farm, run, undisturbed):
    farm.submit(notify=False, **PARAMS)

    _, result, reported = run({2: Directive.STEER, 3: Directive.STEER})

    assert result.blob.digest == undisturbed
    assert reported[1:] == optimizing(1, 2, 3, 4, 5)


def test_when_memory_runs_out_no_iteration_is_done_twice_and_none_left_out(farm, run):
    farm.submit(notify=False, **LARGE)
    large = []

    def full_for_a_while(pixels):
        if pixels > SMALLEST_PIXELS:
            large.append(pixels)
            if len(large) == 4:  # after two looks for targets and one iteration
                raise torch.OutOfMemoryError

    _, result, reported = run(look=full_for_a_while)

    assert len(large) == 4
    assert reported[1:] == optimizing(1, 2, 3, 4, 5)
    assert result.exact_reason == "memory ran out: went on in tiles of 64 px"


def test_a_resumed_picture_goes_on_in_smaller_tiles_from_its_snapshot(farm, run):
    farm.submit(notify=False, **LARGE)
    attempt, _, _ = run({3: Directive.DRAIN})
    release_job(farm.db, attempt.claim)

    _, _, reported = run(look=tight(SMALLEST_PIXELS))

    assert reported == [("loading", 3), *optimizing(4, 5)]


def test_an_attempt_that_failed_holds_no_picture(farm, run):
    """The runner measures the free memory while it still has the attempt."""
    farm.submit(notify=False, **LARGE)
    before = pictures_of_the_first_scale()

    with pytest.raises(torch.OutOfMemoryError) as failure:
        run(look=tight(100 * 100))  # enough for the first scale
    traceback.clear_frames(failure.value.__traceback__)
    gc.collect()

    assert pictures_of_the_first_scale() == before


def pictures_of_the_first_scale():
    """Count the tensors of three channels that are as wide as the first scale."""
    return sum(
        type(each) is torch.Tensor and each.shape[-3::2] == (3, 64)
        for each in gc.get_objects()
    )


def test_an_error_that_is_not_about_memory_ends_it_at_once(farm, run):
    farm.submit(notify=False, **LARGE)
    looks = []

    def broken(pixels):
        looks.append(pixels)
        raise RuntimeError("something else")

    with pytest.raises(RuntimeError, match="something else"):
        run(look=broken)

    assert len(looks) == 1
