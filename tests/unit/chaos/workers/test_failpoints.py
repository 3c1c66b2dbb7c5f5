"""Failpoints are triggered once, at their point only, and leave word of the job."""

from __future__ import annotations

import sys

import pytest

import worker.app  # noqa: F401 - every step is loaded with it
from chaos.workers.failpoint_locations import OF_JOBS, OF_LEADER, TRAPS, install
from chaos.workers.failpoints import LOSE, Failpoints
from shared import storage
from shared.errors import DatabaseUnavailable
from shared.jobs.lease import JobResult, WrittenBlob, complete_job
from shared.maintenance import loop
from shared.storage import Storage
from tests.support.forked_process import run_program
from tests.support.job_rows import claim, submit
from worker import runner

ENDS_AT = """
import sys
from pathlib import Path
from chaos.workers.failpoint_locations import install
from chaos.workers.failpoints import Failpoints
from shared.storage import open_storage
import worker.app
traps = Failpoints(Path(sys.argv[1]), "1")
install(traps)
traps.set(sys.argv[2], "exit")
open_storage(f"file://{sys.argv[1]}/blobs").put("results/job_a/7.png", b"result")
"""


@pytest.fixture
def installed(tmp_path):
    """Traps in this process, taken out again afterwards."""
    workers = [m for name, m in sys.modules.items() if name.startswith("worker.")]
    named = [(m, name) for m in workers for name in OF_JOBS if name in vars(m)]
    named += [(loop, name) for name in OF_LEADER]
    named += [(Storage, "put"), (Storage, "delete")]
    named += [(storage, "_write_durably")]
    before = [(where, name, getattr(where, name)) for where, name in named]
    traps = Failpoints(tmp_path, "1")
    install(traps)
    yield traps
    for where, name, value in before:
        setattr(where, name, value)


def test_a_lost_answer_comes_after_the_deed_and_once(installed, db):
    job_id = submit(db)
    claimed = claim(db)
    installed.set("after release_job", LOSE)

    with pytest.raises(DatabaseUnavailable):
        runner.release_job(db, claimed)

    word = installed.take()
    assert (word.job_id, word.fence) == (job_id, claimed.fence)
    assert claim(db, "again").fence == claimed.fence + 1  # it had been released
    assert installed.take() is None
    assert not installed.is_set


def test_other_points_are_passed(installed, db):
    submit(db)
    installed.set("after release_job", LOSE)

    claimed = claim(db)
    complete_job(
        db, claimed, JobResult(WrittenBlob("results/k", "ab" * 32, 1), 8, 8, True)
    )

    assert installed.is_set


@pytest.mark.parametrize(
    ("point", "there", "unfinished"),
    [
        ("before put results", 0, 0),
        ("half a blob written", 0, 1),
        ("blob written, not renamed", 0, 1),
        ("after put results", 1, 0),
    ],
)
def test_a_worker_ends_at_the_point_that_was_named(tmp_path, point, there, unfinished):
    ended = run_program(ENDS_AT, str(tmp_path), point)

    files = list(tmp_path.rglob("blobs/results/job_a/*"))
    assert ended.returncode == 1
    assert sum(path.name == "7.png" for path in files) == there
    assert sum(path.name.startswith(".") for path in files) == unfinished
    word = Failpoints(tmp_path, "1").take()
    assert (word.point, word.job_id, word.fence) == (point, "job_a", 7)


def test_there_is_a_trap_before_and_after_every_step_of_the_product():
    """A step that the product grows must get its traps."""
    points = {point for point, _ in TRAPS}
    writes = {"claim_job", "record_checkpoint", "complete_job", "release_job"}
    writes |= {"stop_job", "fail_job"}

    for name in writes | {"put checkpoints", "put results", "requeue_expired_leases"}:
        assert {f"before {name}", f"after {name}"} <= points


def test_every_step_of_a_worker_is_imported_where_it_can_be_wrapped():
    modules = [m for name, m in sys.modules.items() if name.startswith("worker.")]

    nowhere = [name for name in OF_JOBS if not any(name in vars(m) for m in modules)]

    assert nowhere == []
    assert [name for name in OF_LEADER if name not in vars(loop)] == []
