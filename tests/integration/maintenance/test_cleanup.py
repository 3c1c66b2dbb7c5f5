"""What goes when its time is over, what orphans are, and what is never touched."""

from __future__ import annotations

import os
from itertools import pairwise

import pytest

from shared.db.models.jobs import Checkpoint, Frame, Job, JobEvent
from shared.errors import BlobMissing
from shared.jobs.actions import cancel
from shared.jobs.checkpoints import NewFrame, add_frame
from shared.jobs.lease import (
    JobResult,
    StoredOutput,
    WrittenBlob,
    complete_job,
    renew_lease,
    stop_job,
)
from shared.jobs.retention import drop_tombstones, thin_kept_checkpoints
from shared.maintenance.loop import MaintenanceLoop
from shared.maintenance.orphans import OrphanCollector
from shared.queries.details import load_details
from shared.settings import Settings
from shared.states import JobState
from shared.storage import Storage
from tests.support.databases import ON_BOTH
from tests.support.job_rows import (
    checkpoint,
    checkpoints,
    claim,
    lose,
    result,
    row,
    submit,
)

DAY = 86_400.0


class UnreachableNotifier:
    """A notifier that reaches nobody."""

    def notify(self, job_id, device_class):
        return False

    def pending_count(self, device_class):
        return None


@pytest.fixture
def storage(tmp_path):
    return Storage(tmp_path / "blobs")


@pytest.fixture
def maintenance(db, storage, clock, tmp_path):
    settings = Settings(home=tmp_path, orphan_hours=24)
    return MaintenanceLoop(db, UnreachableNotifier(), storage, settings, clock)


def there(storage):
    return {blob.key for blob in storage.blobs()}


def put(storage, tmp_path, key, at):
    storage.put(key, b"blob")
    os.utime(tmp_path / "blobs" / key, (at, at))


def kept_key(job_id):
    """Of the checkpoint of the tenth iteration."""
    return f"checkpoints/{job_id}/1-10"


def finished(db, storage):
    """A job that succeeded, with a preview and a checkpoint; blobs are stored."""
    job_id = submit(db)
    claimed = claim(db)
    frame = NewFrame(1, 0, 8, 8, {}, f"frames/{job_id}/1-1.jpg", f"frames/{job_id}/t")
    add_frame(db, claimed, frame)
    checkpoint(db, claimed, 10)
    complete_job(db, claimed, result(claimed))
    for key in (
        frame.key,
        frame.thumb_key,
        kept_key(job_id),
        f"results/{job_id}/1.png",
    ):
        storage.put(key, b"blob")
    return job_id


@ON_BOTH
def test_checkpoints_then_pictures_then_the_job_itself_go(
    db, clock, storage, maintenance
):
    job_id = finished(db, storage)
    pictures = {
        f"frames/{job_id}/1-1.jpg",
        f"frames/{job_id}/t",
        f"results/{job_id}/1.png",
    }

    def after(days):
        clock.advance(days * DAY)
        maintenance.run_once()
        return there(storage)

    assert after(6.9) == {*pictures, kept_key(job_id)}
    assert after(0.2) == pictures
    assert after(22.8) == pictures
    assert after(0.2) == set()
    job = row(db, job_id)
    assert (job.state, job.result_key) == (JobState.SUCCEEDED, None)
    assert job.result_digest is not None
    after(334.8)
    assert row(db, job_id) is not None
    after(0.2)
    with db.read() as session:
        assert [session.query(each).count() for each in (Job, JobEvent, Frame)] == [
            0
        ] * 3


@ON_BOTH
def test_a_forgotten_parent_leaves_its_child_and_the_childs_checkpoint(
    db, clock, storage, maintenance
):
    parent = finished(db, storage)
    child = submit(db)
    with db.write() as session:
        session.get(Job, child).parent_id = parent
        session.add(
            Checkpoint(
                job_id=child, fence=1, iteration=10, key=kept_key(parent),
                digest="ef" * 32,
                bytes=5, format_version=1, kept=False, created_at=clock.now,
            )
        )  # fmt: skip

    clock.advance(366 * DAY)
    dropped = drop_tombstones(db, 365)

    assert set(dropped) == there(storage) - {kept_key(parent)}
    assert row(db, parent) is None
    assert row(db, child).parent_id is None
    maintenance.run_once()
    assert kept_key(parent) in there(storage)


def test_a_running_job_keeps_all_it_has_however_old(db, clock, storage, maintenance):
    claimed = claim(db) if submit(db) else None
    checkpoint(db, claimed, 10)
    storage.put("1-10", b"blob")
    for _ in range(3):
        clock.advance(400 * DAY)
        renew_lease(db, claimed, 500 * DAY, 11, {})
        maintenance.run_once()

    assert there(storage) == {"1-10"}


@pytest.fixture
def sweep(db, storage, clock):
    return OrphanCollector(db, storage, DAY, clock)


@ON_BOTH
def test_a_blob_of_a_claim_that_is_over_is_an_orphan(
    db, clock, storage, sweep, tmp_path
):
    job_id = submit(db)
    claim(db, "a")
    lost = f"checkpoints/{job_id}/1-a-40.safetensors"
    put(storage, tmp_path, lost, clock.now)
    lose(db, clock)
    held = claim(db, "b")
    for folder in ("checkpoints", "frames", "results"):
        put(storage, tmp_path, f"{folder}/{job_id}/{held.key_stem}-50.x", clock.now)

    clock.advance(DAY - 60)
    assert sweep.collect_batch() is False
    assert lost in there(storage)  # it is young

    clock.advance(30 * DAY)  # the holder may be cut off from the database for so long
    sweep.collect_batch()
    assert len(there(storage)) == 3

    cancel(db, "own_a", job_id)
    stop_job(db, held)
    sweep.collect_batch()
    assert there(storage) == set()


def test_what_a_row_names_is_never_an_orphan(db, clock, storage, sweep, tmp_path):
    job_id = finished(db, storage)
    named = there(storage) | {"assets/ab"}
    for key in named:
        put(storage, tmp_path, key, clock.now)

    clock.advance(3 * DAY)
    sweep.collect_batch()

    assert there(storage) == named
    assert row(db, job_id) is not None


@pytest.mark.parametrize(
    "key",
    ["results/job_of_another_database/1.png", "notes.txt", "checkpoints/readme"],
)
def test_what_may_be_somebody_elses_is_left_alone(
    db, clock, storage, sweep, tmp_path, key
):
    submit(db)
    put(storage, tmp_path, key, clock.now)

    clock.advance(30 * DAY)
    sweep.collect_batch()

    assert there(storage) == {key}


def test_uploads_that_never_became_rows_go_but_not_those_of_a_database_before(
    db, clock, storage, sweep, tmp_path
):
    put(storage, tmp_path, "assets/older", clock.now - DAY)
    submit(db)
    put(storage, tmp_path, "assets/lost", clock.now + 1)
    put(storage, tmp_path, "assets/.cd.12345678", clock.now + 1)  # half an upload

    clock.advance(2 * DAY)
    sweep.collect_batch()

    assert there(storage) == {"assets/older"}


def test_a_large_storage_is_walked_a_slice_at_a_time(db, clock, storage, tmp_path):
    submit(db)
    for number in range(450):
        path = tmp_path / "blobs" / "assets" / f"{number}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
        os.utime(path, (clock.now + 1, clock.now + 1))
    clock.advance(2 * DAY)
    sweep = OrphanCollector(db, storage, DAY, clock)

    assert [sweep.collect_batch() for _ in range(3)] == [True, True, False]
    assert there(storage) == set()


@ON_BOTH
def test_checkpoints_kept_for_forks_are_thinned_evenly_to_their_budget(db):
    submit(db)
    claimed = claim(db)
    for iteration in range(10, 110, 10):
        checkpoint(db, claimed, iteration)  # of 5 bytes each
        with db.write() as session:
            session.get(Checkpoint, (claimed.job_id, 1, iteration)).kept = True

    assert thin_kept_checkpoints(db, 50) == []
    dropped = thin_kept_checkpoints(db, 25)

    assert len(dropped) == 4, "and one of the two newest is no longer marked"
    kept = [row.iteration for row in checkpoints(db) if row.kept]
    assert len(kept) == 5
    assert (kept[0], kept[-1]) == (10, 100)
    assert max(b - a for a, b in pairwise(kept)) <= 30


def test_the_newest_checkpoints_outlast_every_budget_until_they_are_old(db):
    job_id = submit(db, keep_every=10)
    claimed = claim(db)
    for iteration in (10, 20, 30):
        checkpoint(db, claimed, iteration)

    thin_kept_checkpoints(db, 0)

    assert [(one.iteration, one.kept) for one in checkpoints(db, job_id)] == [
        (20, False), (30, False)
    ]  # fmt: skip
    assert thin_kept_checkpoints(db, 0) == []
    checkpoint(db, claimed, 35)
    assert [one.iteration for one in checkpoints(db, job_id)] == [30, 35]


def test_every_file_of_a_job_that_made_several_goes_with_its_result(
    db, clock, storage, maintenance
):
    job_id = submit(db)
    claimed = claim(db)
    sheets = [
        StoredOutput(name, WrittenBlob(f"results/{job_id}/1-{name}", "ab" * 32, 4), "x")
        for name in ("a.png", "b.json")
    ]
    made = JobResult(sheets[0].blob, 8, 8, exact=True, outputs=tuple(sheets))
    for key in made.blob_keys:
        storage.put(key, b"blob")
    complete_job(db, claimed, made)

    clock.advance(29 * DAY)
    maintenance.run_once()
    assert there(storage) == made.blob_keys
    clock.advance(2 * DAY)
    maintenance.run_once()

    assert there(storage) == set()
    assert load_details(db, [row(db, job_id)]).outputs == {}


def test_a_killed_writer_leaves_nothing_that_can_be_read(storage, tmp_path):
    put(storage, tmp_path, "results/.1.png.0badcafe", 0.0)

    with pytest.raises(BlobMissing):
        storage.get("results/1.png")
