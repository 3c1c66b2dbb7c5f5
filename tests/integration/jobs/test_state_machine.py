"""Any order of verbs, claims, writes and losses: a model says what must come out."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.support.databases import ON_BOTH
from tests.support.job_model.single_job import OneJobMachine
from tests.support.job_model.state_machine import JobMachine

EXAMPLES = int(os.environ.get("IMPASTO_TEST_EXAMPLES", "15"))
STEPS = 40
# The smallest example is for people; whoever only wants to know has no use for it.
SHRINKS = os.environ.get("IMPASTO_TEST_SHRINK", "yes") == "yes"
PHASES = [Phase.generate, *([Phase.shrink] if SHRINKS else [])]


@ON_BOTH
@pytest.mark.parametrize("machine", [JobMachine, OneJobMachine])
def test_whatever_happens_every_row_is_as_the_model_says(db, clock, machine):
    class Here(machine):
        pass

    Here.db, Here.clock = db, clock
    # What differs in PostgreSQL's SQL shows in a few: each takes five times as long.
    few = EXAMPLES if db.serves_one_host else EXAMPLES // 5
    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=few,
            stateful_step_count=STEPS,
            deadline=None,
            phases=PHASES,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
