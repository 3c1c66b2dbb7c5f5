"""The model of the life of jobs with a single one: shallow, so that rare ones come."""

from __future__ import annotations

from hypothesis.stateful import initialize, precondition, rule

from tests.support.job_model.state_machine import JobMachine
from tests.support.job_rows import submit


class OneJobMachine(JobMachine):
    """Every way to act on one job, in any order."""

    @initialize()
    def one(self):
        self.jobs.append(submit(self.db, "own_a", keep_every=3))

    @precondition(lambda self: False)
    @rule()
    def submit(self):
        """No second job."""

    @precondition(lambda self: False)
    @rule()
    def branch(self):
        """Nor a child."""

    @precondition(lambda self: False)
    @rule()
    def fail_unschedulable_jobs(self):
        """It fits."""
