"""The life of a job row, on both databases, by a clock that the test sets."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from shared import jobs
from shared.errors import FencedOut, InvalidState, JobNotFound, QueueFull
from shared.models import Job, JobEvent, Owner
from shared.params import StyleParams
from shared.states import JobState, StateReason

LEASE = 30.0
LIMITS = jobs.Limits(max_queued_per_owner=50, max_queued=80, max_attempts=4)
DEVICE = jobs.Device("wkr_1", "cpu", 8 * 2**30)
BROKEN = jobs.Failure("engine_error", "it broke", "try again", retryable=True)
HOPELESS = jobs.Failure("input_damaged", "not a picture", "", retryable=False)


def submit(db, owner_id="own_a", **more):
    jobs.ensure_owner(db, owner_id)
    asset = jobs.NewAsset(owner_id, "ab" * 32, "assets/ab", 3, "image/png", 8, 8)
    asset_id = jobs.add_asset(db, asset)
    inputs = (jobs.Input("content", 0, asset_id), jobs.Input("style", 0, asset_id))
    new = jobs.NewJob(owner_id, StyleParams(), inputs, **more)
    return jobs.submit(db, new, LIMITS)


def claim(db, nonce="n", device=DEVICE):
    return jobs.claim(db, device, nonce, LEASE)


def row(db, job_id):
    with db.read() as session:
        return session.get(Job, job_id)


def owner(db, owner_id="own_a"):
    with db.read() as session:
        return session.get(Owner, owner_id)


def events(db, job_id):
    with db.read() as session:
        found = session.scalars(
            select(JobEvent).where(JobEvent.job_id == job_id).order_by(JobEvent.seq)
        )
        return [event.event for event in found]


def result(claimed):
    key = f"results/{claimed.job_id}/{claimed.fence}.png"
    return jobs.Result(jobs.Written(key, "cd" * 32, 10), 8, 8, exact=True)


def checkpoint(db, claimed, iteration):
    blob = jobs.Written(f"{claimed.fence}-{iteration}", "ef" * 32, 5)
    return jobs.checkpointed(db, claimed, iteration, blob, 1)


def lose(db, clock):
    """Let the lease of the running job run out, and reap it."""
    clock.advance(LEASE + 1)
    return jobs.reap(db)


def test_a_submitted_job_waits_with_its_parameters_filled_in(db):
    job = row(db, submit(db))

    assert (job.state, job.fence, job.attempts) == (JobState.QUEUED, 0, 0)
    assert (
        job.params["schedule"] == [[128, 100], [256, 60], [512, 50]]
        or job.params["schedule"]
    )
    assert owner(db).queued == 1


def test_a_claim_takes_the_lease_and_raises_the_fence(db, clock):
    job_id = submit(db)

    claimed = claim(db)

    job = row(db, job_id)
    assert (claimed.job_id, claimed.fence, claimed.attempts) == (job_id, 1, 1)
    assert (job.state, job.fence, job.worker_id) == (JobState.RUNNING, 1, "wkr_1")
    assert job.lease_until == pytest.approx(clock.now + LEASE)
    assert (owner(db).queued, owner(db).running) == (0, 1)


def test_only_one_worker_can_claim_a_job(db):
    submit(db)

    assert claim(db, "first") is not None
    assert claim(db, "second", jobs.Device("wkr_2", "cpu", 2**40)) is None


def test_a_claim_whose_answer_was_lost_is_the_same_claim_again(db):
    submit(db)

    assert claim(db, "nonce") == claim(db, "nonce")


def test_the_claim_names_the_pictures_by_role(db):
    submit(db)

    claimed = claim(db)

    blob = jobs.Blob("assets/ab", "ab" * 32)
    assert claimed.inputs == {"content": (blob,), "style": (blob,)}


def test_jobs_are_claimed_oldest_first_and_urgent_ones_before(db, clock):
    first = submit(db)
    clock.advance(1)
    second = submit(db)
    clock.advance(1)
    urgent = submit(db, priority=1)

    assert [claim(db, n).job_id for n in "abc"] == [urgent, first, second]


def test_an_hour_of_waiting_outweighs_one_step_of_priority(db, clock):
    patient = submit(db)
    clock.advance(3601)
    submit(db, priority=1)

    assert claim(db).job_id == patient


def test_the_owner_with_the_fewest_running_jobs_comes_first(db, clock):
    mine = [submit(db, "own_a"), submit(db, "own_a")]
    clock.advance(1)
    theirs = submit(db, "own_b")

    assert [claim(db, n).job_id for n in "abc"] == [mine[0], theirs, mine[1]]


def test_an_owner_runs_no_more_jobs_than_allowed(db):
    submit(db)
    submit(db)
    with db.write() as session:
        session.get(Owner, "own_a").max_running = 1

    assert claim(db, "a") is not None
    assert claim(db, "b") is None


@pytest.mark.parametrize(
    ("need", "fits"),
    [
        ({"need_bytes": 2**40}, False),
        ({"device_class": "cuda"}, False),
        ({"device_class": "cpu"}, True),
    ],
)
def test_a_worker_claims_only_what_fits_its_device(db, need, fits):
    submit(db, **need)

    assert (claim(db) is not None) is fits


def test_a_heartbeat_keeps_a_job_from_being_reaped(db, clock):
    job_id = submit(db)
    claimed = claim(db)
    clock.advance(LEASE - 1)

    state = jobs.heartbeat(db, claimed, LEASE, 7, {"phase": "optimizing"})
    clock.advance(LEASE - 1)

    assert (state, jobs.reap(db)) == (JobState.RUNNING, [])
    assert row(db, job_id).iteration == 7


def test_a_lost_job_goes_back_in_line_and_on_from_its_checkpoint(db, clock):
    job_id = submit(db)
    first = claim(db, "a")
    checkpoint(db, first, 40)

    assert lose(db, clock) == [(job_id, JobState.QUEUED)]

    assert row(db, job_id).state_reason == StateReason.RECOVERING
    again = claim(db, "b")
    assert (again.job_id, again.fence, again.attempts) == (job_id, 3, 1)
    assert [stored.iteration for stored in again.checkpoints] == [40]


STALE_WRITES = {
    "heartbeat": lambda db, claimed: jobs.heartbeat(db, claimed, LEASE, 1, {}),
    "checkpoint": lambda db, claimed: checkpoint(db, claimed, 50),
    "complete": lambda db, claimed: jobs.complete(db, claimed, result(claimed)),
    "release": jobs.release,
    "fail": lambda db, claimed: jobs.fail(db, claimed, BROKEN, 10),
    "postpone": lambda db, claimed: jobs.postpone(db, claimed, BROKEN, 10),
    "stopped": jobs.stopped,
    "warn": lambda db, claimed: jobs.warn(db, claimed, "x", "y"),
    "frame": lambda db, claimed: jobs.add_frame(
        db, claimed, jobs.NewFrame(1, 0, 8, 8, {}, "k", "t")
    ),
}


@pytest.mark.parametrize("successor", ["none", "running", "canceling"])
@pytest.mark.parametrize("write", sorted(STALE_WRITES))
def test_a_worker_that_lost_its_lease_can_write_nothing(db, clock, write, successor):
    job_id = submit(db)
    stale = claim(db, "a")
    lose(db, clock)
    if successor != "none":
        claim(db, "b", jobs.Device("wkr_2", "cpu", 2**40))
    if successor == "canceling":
        jobs.cancel(db, "own_a", job_id)
    before = _columns(row(db, job_id)), events(db, job_id)

    with pytest.raises(FencedOut):
        STALE_WRITES[write](db, stale)

    assert (_columns(row(db, job_id)), events(db, job_id)) == before


LETTING_GO = {
    "release": jobs.release,
    "complete": lambda db, claimed: jobs.complete(db, claimed, result(claimed)),
    "fail": lambda db, claimed: jobs.fail(db, claimed, HOPELESS, 10),
}


@pytest.mark.parametrize("let_go", sorted(LETTING_GO))
@pytest.mark.parametrize("write", sorted(STALE_WRITES))
def test_a_worker_that_let_its_job_go_can_write_nothing_more(db, write, let_go):
    job_id = submit(db)
    claimed = claim(db, "a")
    LETTING_GO[let_go](db, claimed)
    before = _columns(row(db, job_id)), events(db, job_id)
    if write == let_go == "complete":
        return  # saying it again is harmless: tested below

    with pytest.raises(FencedOut):
        STALE_WRITES[write](db, claimed)

    assert (_columns(row(db, job_id)), events(db, job_id)) == before


def _columns(job):
    return {column.key: getattr(job, column.key) for column in Job.__table__.columns}


def test_a_completed_job_has_its_picture_and_one_event(db, clock):
    job_id = submit(db)
    claimed = claim(db)

    assert jobs.complete(db, claimed, result(claimed)) == JobState.SUCCEEDED

    job = row(db, job_id)
    assert job.result_key == f"results/{job_id}/1.png"
    assert (job.iteration, job.lease_until) == (job.iterations, None)
    assert job.finished_at == pytest.approx(clock.now)
    assert events(db, job_id) == ["submit", "claim", "complete"]
    assert (owner(db).queued, owner(db).running) == (0, 0)


def test_completing_again_after_a_lost_answer_changes_nothing(db):
    job_id = submit(db)
    claimed = claim(db)
    jobs.complete(db, claimed, result(claimed))
    before = _columns(row(db, job_id))

    assert jobs.complete(db, claimed, result(claimed)) == JobState.SUCCEEDED

    assert _columns(row(db, job_id)) == before
    assert events(db, job_id).count("complete") == 1


def test_a_released_job_costs_no_attempt(db):
    job_id = submit(db)

    assert jobs.release(db, claim(db)) == JobState.QUEUED

    job = row(db, job_id)
    assert (job.attempts, job.state_reason) == (0, StateReason.RECOVERING)
    assert claim(db, "b").fence == 2


def test_a_failed_attempt_is_tried_again_after_growing_pauses(db, clock):
    job_id = submit(db)
    pauses = []
    for nonce in "abc":
        assert jobs.fail(db, claim(db, nonce), BROKEN, 10) == JobState.QUEUED
        pauses.append(row(db, job_id).run_after - clock.now)
        assert claim(db, "early") is None
        clock.advance(pauses[-1])
        assert jobs.wake(db) == 1

    assert jobs.fail(db, claim(db, "d"), BROKEN, 10) == JobState.FAILED

    assert pauses == pytest.approx([10, 40, 160])
    assert row(db, job_id).error_code == "engine_error"


def test_a_success_forgets_the_error_before_it(db, clock):
    job_id = submit(db)
    jobs.fail(db, claim(db, "a"), BROKEN, 10)
    assert row(db, job_id).error_code == "engine_error"
    clock.advance(11)
    jobs.wake(db)
    claimed = claim(db, "b")

    jobs.complete(db, claimed, result(claimed))

    assert row(db, job_id).error_code is None


def test_bad_input_is_never_tried_again(db):
    submit(db)

    assert jobs.fail(db, claim(db), HOPELESS, 10) == JobState.FAILED


def test_an_outage_costs_no_attempt(db, clock):
    job_id = submit(db)
    for nonce in "abcdef":
        assert jobs.postpone(db, claim(db, nonce), BROKEN, 30) == JobState.QUEUED
        clock.advance(31)
        jobs.wake(db)

    assert row(db, job_id).attempts == 0


def test_a_job_that_kills_its_workers_is_poison_after_three(db, clock):
    job_id = submit(db)
    states = []
    for nonce in "abc":
        claim(db, nonce)
        states += lose(db, clock)

    ended = [(job_id, JobState.QUEUED)] * 2 + [(job_id, JobState.FAILED)]
    assert states == ended
    assert row(db, job_id).error_code == "worker_lost"


def test_a_job_that_makes_checkpoints_is_never_poison(db, clock):
    job_id = submit(db)
    for turn in range(1, 12):
        checkpoint(db, claim(db, str(turn)), turn)
        assert lose(db, clock) == [(job_id, JobState.QUEUED)]

    assert row(db, job_id).attempts == 0


def test_the_last_two_checkpoints_are_kept(db):
    submit(db)
    claimed = claim(db)

    dropped = [checkpoint(db, claimed, iteration) for iteration in (10, 20, 30)]

    assert dropped == [[], [], ["1-10"]]


def test_a_checkpoint_written_again_after_a_lost_answer_is_one(db):
    submit(db)
    claimed = claim(db)
    checkpoint(db, claimed, 10)

    assert checkpoint(db, claimed, 10) == []


def test_previews_are_thinned_when_there_are_too_many(db):
    submit(db)
    claimed = claim(db)
    dropped = []
    for number in range(1, 202):
        frame = jobs.NewFrame(number, 0, 8, 8, {}, f"k{number}", f"t{number}")
        dropped += jobs.add_frame(db, claimed, frame)

    assert len(dropped) == 200
    assert {"k2", "t2", "k200"} <= set(dropped)
    assert jobs.latest_frame(db, claimed.job_id).iteration == 201


def test_canceling_a_queued_job_ends_it_at_once(db):
    job_id = submit(db)

    answer = jobs.cancel(db, "own_a", job_id)

    assert (answer.state, answer.done) == (JobState.CANCELED, True)
    assert claim(db) is None
    assert owner(db).queued == 0


@pytest.mark.parametrize(
    "end",
    [
        jobs.stopped,
        jobs.release,
        lambda db, claimed: jobs.fail(db, claimed, BROKEN, 10),
        lambda db, claimed: jobs.complete(db, claimed, result(claimed)),
    ],
)
def test_a_canceled_running_job_ends_canceled_however_it_ends(db, end):
    job_id = submit(db)
    claimed = claim(db)

    assert jobs.cancel(db, "own_a", job_id).done is False
    assert jobs.heartbeat(db, claimed, LEASE, 1, {}) == JobState.CANCELING
    assert end(db, claimed) == JobState.CANCELED

    job = row(db, job_id)
    assert (job.result_key, job.error_code) == (None, None)
    assert (owner(db).queued, owner(db).running) == (0, 0)


def test_a_canceling_job_whose_worker_died_ends_canceled(db, clock):
    job_id = submit(db)
    claim(db)
    jobs.cancel(db, "own_a", job_id)

    assert lose(db, clock) == [(job_id, JobState.CANCELED)]


def test_canceling_twice_is_one_event(db):
    job_id = submit(db)
    claim(db)
    jobs.cancel(db, "own_a", job_id)

    assert jobs.cancel(db, "own_a", job_id).done is False
    assert events(db, job_id).count("cancel") == 1


def test_a_finished_job_cannot_be_canceled_and_the_answer_says_so(db):
    job_id = submit(db)
    claimed = claim(db)
    jobs.complete(db, claimed, result(claimed))

    with pytest.raises(InvalidState, match="it is succeeded; verbs allowed now: none"):
        jobs.cancel(db, "own_a", job_id)


def test_nobody_sees_or_cancels_the_jobs_of_others(db):
    job_id = submit(db)

    with pytest.raises(JobNotFound):
        jobs.get_job(db, "own_b", job_id)
    with pytest.raises(JobNotFound):
        jobs.cancel(db, "own_b", job_id)


def test_an_owner_cannot_queue_more_than_allowed(db):
    for _ in range(LIMITS.max_queued_per_owner):
        submit(db)

    with pytest.raises(QueueFull, match="50 of your jobs"):
        submit(db)
    submit(db, "own_b")


def test_all_owners_together_cannot_queue_more_than_allowed(db):
    for number in range(LIMITS.max_queued):
        submit(db, f"own_{number % 3}")

    with pytest.raises(QueueFull, match="80 jobs"):
        submit(db, "own_new")


def test_equal_pictures_of_one_owner_are_one_asset(db):
    jobs.ensure_owner(db, "own_a")
    asset = jobs.NewAsset("own_a", "12" * 32, "assets/12", 3, "image/png", 8, 8)

    assert jobs.add_asset(db, asset) == jobs.add_asset(db, asset)


def test_jobs_are_listed_newest_first_page_by_page(db, clock):
    made = []
    for _ in range(5):
        clock.advance(1)
        made.append(submit(db))
    submit(db, "own_b")

    first = jobs.list_jobs(db, "own_a", 3)
    last = first[-1]
    second = jobs.list_jobs(db, "own_a", 3, before=(last.created_at, last.id))

    assert [job.id for job in first + second] == made[::-1]


def test_the_queue_position_counts_the_jobs_ahead(db, clock):
    ids = []
    for _ in range(3):
        clock.advance(1)
        ids.append(submit(db))

    ahead = [jobs.count_ahead(db, row(db, job_id)) for job_id in ids]

    assert ahead == [0, 1, 2]


def test_what_waits_is_rung_for_again_only_after_a_while(db, clock):
    job_id = submit(db)
    assert [job.job_id for job in jobs.waiting(db, 10, 5)] == [job_id]

    jobs.rung(db, job_id)

    assert jobs.waiting(db, 10, 5) == []
    clock.advance(11)
    assert [job.job_id for job in jobs.waiting(db, 10, 5)] == [job_id]
