"""When jobs start and end, by the work that is left."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.queries.eta import (
    LiveWorker,
    OwnerQuota,
    ProgressReport,
    WaitingJob,
    claim_order,
    completed_share,
    estimate_time_left,
    plan_runs,
    remaining_counts,
)
from shared.workers.pace_table import DurationRange

SETUP = "cpu"


def job(name, key=0.0, owner="a", seconds=10.0, **more):
    spans = (
        {}
        if seconds is None
        else {SETUP: DurationRange(seconds, seconds / 2, 2 * seconds)}
    )
    return WaitingJob(name, owner, key, durations=spans, **more)


def server(name="w", busy=0.0, owner=None, **more):
    span = None if busy is None else DurationRange(busy, busy, busy)
    about = {"device_class": "cpu", "device_bytes": 100, "device_uuid": name}
    return LiveWorker(name, setup=SETUP, free_in=span, owner_id=owner, **(about | more))


def starts(waiting, servers, shares=None):
    slots = plan_runs(waiting, servers, shares or {})
    return {name: slot.starts.seconds for name, slot in slots.items()}


def test_one_worker_takes_one_job_after_the_other():
    line = [job("second", 2), job("first", 1), job("third", 3)]

    assert starts(line, [server(busy=5.0)]) == {"first": 5, "second": 15, "third": 25}


def test_two_workers_share_the_line():
    line = [job("a", 1, seconds=30), job("b", 2), job("c", 3)]

    assert starts(line, [server("v"), server("w")]) == {"a": 0, "b": 0, "c": 10}


def test_ranges_add_up_along_the_line():
    slots = plan_runs([job("a", 1), job("b", 2)], [server()], {})

    assert slots["b"].starts == DurationRange(10, 5, 20)
    assert slots["b"].ends == DurationRange(20, 10, 40)


def test_the_owner_with_the_fewest_running_jobs_comes_first():
    line = [job("old", 1), job("older", 0), job("new", 9, owner="b")]
    shares = {"a": OwnerQuota(running=1), "b": OwnerQuota()}

    assert claim_order(line, shares) == {"new": 0, "older": 1, "old": 2}
    order = starts(line, [server("v", busy=50, owner="a"), server("w")], shares)
    assert order == {"new": 0, "older": 10, "old": 20}


def test_owners_take_turns():
    line = [job(f"a{n}", n) for n in range(3)]
    line += [job(f"b{n}", 10 + n, owner="b") for n in range(3)]

    order = sorted(claim_order(line, {}).items(), key=lambda item: item[1])

    assert [name for name, _ in order] == ["a0", "b0", "a1", "b1", "a2", "b2"]


def test_of_an_owner_at_its_limit_no_start_is_known():
    line = [job("mine", 1), job("theirs", 2, owner="b")]
    shares = {"a": OwnerQuota(running=1, max_running=1), "b": OwnerQuota(running=3)}
    servers = [server("v", busy=40, owner="a"), server("w")]

    assert starts(line, servers, shares) == {"theirs": 0}


def test_a_job_waits_for_a_worker_that_it_fits():
    line = [job("large", 1, need_bytes=500), job("small", 2)]
    servers = [server("little"), server("big", busy=60, device_bytes=1000)]

    assert starts(line, servers) == {"small": 0, "large": 60}


def test_a_job_that_backs_off_starts_when_it_is_due():
    line = [job("hasty", 1, seconds=4), job("later", 2, due_seconds=7)]

    assert starts(line, [server()]) == {"hasty": 0, "later": 7}


@pytest.mark.parametrize(
    "servers",
    [
        [],
        [server(draining=True)],
        [server(device_bytes=1)],
        [server(busy=None)],
        [server("bad")],
        [server(device_class="cuda")],
    ],
)
def test_nothing_is_estimated_where_no_worker_takes_the_job(servers):
    line = [job("j", need_bytes=50, excluded_device="bad", device_class="cpu")]

    assert starts(line, servers) == {}


def test_a_job_of_unknown_length_is_passed_over():
    assert starts([job("x", 1, seconds=None), job("y", 2)], [server()]) == {"y": 0}


@given(
    st.lists(st.tuples(st.integers(0, 9), st.sampled_from("abc"), st.integers(1, 90)),
             max_size=25),
    st.lists(st.integers(0, 50), min_size=1, max_size=4),
)  # fmt: skip
def test_every_job_runs_once_and_no_worker_does_two_at_a_time(line, free):
    jobs = [
        job(str(n), key, owner, length) for n, (key, owner, length) in enumerate(line)
    ]
    servers = [server(str(n), busy=float(at)) for n, at in enumerate(free)]

    slots = plan_runs(jobs, servers, {})

    assert set(slots) == {one.job_id for one in jobs}
    assert sorted(claim_order(jobs, {}).values()) == list(range(len(jobs)))
    for moment in {slot.starts.seconds for slot in slots.values()}:
        running = sum(
            slot.starts.seconds <= moment < slot.ends.seconds for slot in slots.values()
        )
        assert running <= sum(at <= moment for at in free)


STAGES = [(100, 10), (200, 5)]


def left(**report):
    return estimate_time_left(STAGES, report["scale"], ProgressReport(**report))


def test_what_is_left_is_the_iterations_that_are_left():
    span = left(scale=0, scale_iteration=4, iteration_seconds=(1.0, 4.0), deviation=0.1)

    assert span.seconds == pytest.approx(6 * 1.0 + 5 * 4.0)
    assert (span.low, span.high) == (span.seconds / 1.2, span.seconds * 1.2)
    assert left(scale=1, scale_iteration=7, iteration_seconds=(1.0, 4.0)).seconds == 0


def test_without_a_measured_pace_nobody_knows_what_is_left():
    assert left(scale=0, scale_iteration=4) is None


def test_a_job_that_goes_on_needs_only_what_is_left():
    assert remaining_counts(STAGES, 0) == [10, 5]
    assert remaining_counts(STAGES, 12) == [0, 3]
    assert remaining_counts(STAGES, 99) == [0, 0]


def test_the_share_that_is_done_counts_pixels():
    report = ProgressReport(scale=1, scale_iteration=1)

    assert completed_share(STAGES, 1, report) == pytest.approx(14 / 30)
