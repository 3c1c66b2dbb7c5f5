"""Pictures that are kept for a while only: when they go, and what holds them."""

from __future__ import annotations

import threading

import pytest

from shared.assets import AssetOptions, NewAsset, get_asset, store_asset
from shared.auth.api_keys import ensure_owner
from shared.db.models.assets import Asset
from shared.errors import AssetGone, NotFound
from shared.jobs.actions import cancel
from shared.jobs.deletion import purge_job
from shared.jobs.retention import drop_expired_assets
from shared.jobs.submit import NewJob, NewJobInput, add_job, submit_job
from shared.maintenance.cleaner import RETENTION_PAUSE_SECONDS, Cleaner
from shared.params.style import StyleParams
from shared.settings import Settings
from shared.storage import open_storage
from tests.support.concurrency import both
from tests.support.databases import ON_BOTH
from tests.support.job_rows import LIMITS

OWNER, KEY = "own_a", "assets/ab-1"


@pytest.fixture
def send(db):
    """Sends the picture, once more with another key; its id."""
    ensure_owner(db, OWNER)

    def keep(seconds, key=KEY):
        wish = AssetOptions(expires_in_seconds=seconds)
        new = NewAsset(OWNER, "ab" * 32, key, 3, "image/png", 8, 8, options=wish)
        return store_asset(db, new).id

    return keep


def use(db, asset_id):
    inputs = (NewJobInput("content", 0, asset_id), NewJobInput("style", 0, asset_id))
    return submit_job(db, NewJob(OWNER, StyleParams(), inputs), LIMITS).job_id


def key_of(db, asset_id):
    with db.read() as session:
        return session.get(Asset, asset_id).key


@ON_BOTH
def test_a_picture_goes_when_its_time_is_over_and_not_before(db, clock, send):
    asset_id = send(60)
    clock.advance(59)
    assert drop_expired_assets(db) == []
    clock.advance(2)

    assert drop_expired_assets(db) == [KEY]
    assert drop_expired_assets(db) == []
    with pytest.raises(NotFound):
        get_asset(db, OWNER, asset_id)


def test_a_picture_without_an_end_stays(db, clock, send):
    asset_id = send(None)
    clock.advance(10**9)

    assert drop_expired_assets(db) == []
    assert key_of(db, asset_id) == KEY


def test_a_picture_stays_as_long_as_a_job_that_was_not_deleted_uses_it(db, clock, send):
    asset_id = send(60)
    job_id = use(db, asset_id)
    clock.advance(61)
    assert drop_expired_assets(db) == []
    cancel(db, OWNER, job_id)
    assert drop_expired_assets(db) == [], "it can still be tried again"

    purge_job(db, OWNER, job_id)

    assert drop_expired_assets(db) == [KEY]


def test_sent_again_before_it_goes_it_stays_longer(db, clock, send):
    asset_id = send(60)
    clock.advance(61)
    assert send(60, "assets/ab-2") == asset_id

    assert drop_expired_assets(db) == []
    clock.advance(61)
    assert drop_expired_assets(db) == [KEY]


def test_sent_again_after_it_went_it_has_a_blob_of_its_own(db, clock, send):
    asset_id = send(60)
    clock.advance(61)
    drop_expired_assets(db)

    assert send(None, "assets/ab-2") == asset_id
    assert key_of(db, asset_id) == "assets/ab-2"


@ON_BOTH
@pytest.mark.parametrize("_round", range(3))
def test_a_picture_is_used_or_goes_never_both(db, clock, send, _round):
    asset_id = send(60)
    clock.advance(61)

    used, gone = both(lambda: use(db, asset_id), lambda: drop_expired_assets(db))

    if isinstance(used, AssetGone):
        assert (gone, key_of(db, asset_id)) == ([KEY], None)
    else:
        assert (gone, key_of(db, asset_id)) == ([], KEY)


@ON_BOTH
def test_a_picture_of_a_job_that_is_just_being_made_does_not_go(db, clock, send):
    inputs, gone = [NewJobInput("content", 0, send(60))], []
    clock.advance(61)
    tidying = threading.Thread(target=lambda: gone.extend(drop_expired_assets(db)))
    about = {"owner_id": OWNER, "params": {}, "iterations": 1, "priority": 0}

    with db.write() as session:
        add_job(db, session, about, inputs, LIMITS, None)
        tidying.start()
        tidying.join(0.5)
        assert tidying.is_alive(), "it waits for who has locked the picture"
    tidying.join()

    assert gone == []


def test_the_leader_takes_the_blob_away(db, clock, send, tmp_path):
    storage = open_storage(f"file://{tmp_path}/blobs")
    storage.put(KEY, b"png")
    settings = Settings(home=tmp_path, database_url=str(db.url))
    janitor = Cleaner(db, storage, settings, clock)
    send(60)
    janitor.run_once()
    assert storage.get(KEY) == b"png"
    clock.advance(60 + RETENTION_PAUSE_SECONDS)

    janitor.run_once()

    assert list(storage.blobs()) == []
