"""Recovery is measured from the fault to the next claim, and by nothing else."""

from __future__ import annotations

from chaos.analysis.evidence import JobTransition
from chaos.analysis.recovery_times import (
    compute_delays,
    compute_notification_delay,
    compute_recoveries,
    quantile,
)
from chaos.records import Fault, Submission


def moved(event, fence, at):
    return JobTransition("job_a", event, "running", "queued", fence, at)


KILL = Fault("kill -9", 10.0, 10.0, "job_a", 1)


def found(events, *others):
    return compute_recoveries([KILL, *others], {"job_a": events})


def test_recovery_ends_with_the_next_claim():
    (one,) = found(
        [moved("claim", 1, 9), moved("rescue", 2, 13), moved("claim", 3, 14)]
    )

    assert (one.kind, one.seconds, one.alone) == ("kill -9", 4.0, True)


def test_a_job_that_ended_by_itself_or_was_paused_tells_nothing():
    assert found([moved("complete", 1, 10.1)]) == []
    assert found([moved("pause", 1, 10.1), moved("claim", 3, 60)]) == []
    assert found([moved("rescue", 2, 13)]) == []


def test_another_fault_in_between_is_noted():
    life = [moved("rescue", 2, 13), moved("claim", 3, 14)]

    assert not found(life, Fault("FLUSHALL", 12, 12))[0].alone
    assert found(life, Fault("FLUSHALL", 15, 15))[0].alone
    assert found(life, Fault("pause", 12, 12))[0].alone


def test_the_delay_of_a_frozen_redis_is_over_the_usual_answer():
    def sent(at, seconds):
        return Submission("n", "chain", 1, {}, "job", False, at, seconds)

    frozen, locked = Fault("Redis frozen", 10, 20), Fault("SQLite locked", 30, 40)
    submissions = [sent(1, 0.02), sent(3, 0.04), sent(11, 0.4), sent(31, 5.0)]

    calm, waited = compute_delays(submissions, [frozen, locked])

    assert (calm, waited) == ([0.02, 0.04], [0.4])
    assert abs(compute_notification_delay(calm, waited) - 0.37) < 1e-9


def test_quantiles_are_values_that_were_measured():
    values = [4.0, 1.0, 3.0, 2.0]

    assert quantile(values, 0.5) == 2.0
    assert quantile(values, 0.95) == 4.0
    assert quantile([7.0], 0.95) == 7.0
