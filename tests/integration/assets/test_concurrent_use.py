"""Pictures that are sent, used and deleted at once, on both databases."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shared.assets import (
    AssetOptions,
    NewAsset,
    Purpose,
    StoredAsset,
    add_asset,
    get_asset,
    query_assets,
    read_asset_by_digest,
    remove_asset,
    store_asset,
)
from shared.auth.api_keys import ensure_owner
from shared.db.models.assets import Asset
from shared.errors import AssetGone, AssetInUse, NotFound
from shared.jobs.actions import cancel
from shared.jobs.lease import complete_job
from shared.jobs.submit import NewJob, NewJobInput, submit_job
from shared.params.style import StyleParams
from tests.support.concurrency import both
from tests.support.databases import ON_BOTH
from tests.support.job_rows import LIMITS, claim, result, submit

OWNER = "own_a"


def new_asset(key, digest="ab" * 32, owner_id=OWNER):
    return NewAsset(owner_id, digest, key, 3, "image/png", 8, 8)


@pytest.fixture
def asset_id(db):
    ensure_owner(db, OWNER)
    return add_asset(db, new_asset("assets/ab-1"))


def use(db, asset_id):
    inputs = (NewJobInput("content", 0, asset_id), NewJobInput("style", 0, asset_id))
    return submit_job(db, NewJob(OWNER, StyleParams(), inputs), LIMITS).job_id


@ON_BOTH
def test_of_many_uploads_of_a_picture_one_is_kept(db):
    ensure_owner(db, OWNER)

    said = both(*(
        lambda key=f"assets/ab-{number}": store_asset(db, new_asset(key))
        for number in range(5)
    ))  # fmt: skip

    assert len({kept.id for kept in said}) == 1
    assert len({kept.key for kept in said}) == 1
    assert [kept.is_new for kept in said].count(True) == 1


@ON_BOTH
@pytest.mark.parametrize("_round", range(3))
def test_of_many_uploads_at_once_every_wish_counts(db, _round):
    ensure_owner(db, OWNER)
    wishes = [AssetOptions(expires_in_seconds=60.0)] * 4
    wishes.append(AssetOptions(Purpose.STYLE))

    both(*(
        lambda key=f"assets/ab-{number}", wish=wish: store_asset(
            db, replace(new_asset(key), options=wish)
        )
        for number, wish in enumerate(wishes)
    ))  # fmt: skip

    (kept,) = query_assets(db, OWNER, 10)
    assert (kept.purpose, kept.expires_at) == (Purpose.STYLE, None)


@ON_BOTH
@pytest.mark.parametrize("_round", range(3))
def test_a_picture_is_used_or_deleted_never_both(db, asset_id, _round):
    used, deleted = both(
        lambda: use(db, asset_id), lambda: remove_asset(db, OWNER, asset_id)
    )

    with db.read() as session:
        key = session.get(Asset, asset_id).key
    if isinstance(used, AssetGone):
        assert (deleted, key) == ("assets/ab-1", None)
    else:
        assert isinstance(deleted, AssetInUse), deleted
        assert (deleted.members["jobs"], key) == ([used], "assets/ab-1")


def test_a_picture_is_free_once_its_job_is_over(db, asset_id):
    use(db, asset_id)
    claimed = claim(db)
    complete_job(db, claimed, result(claimed))

    assert remove_asset(db, OWNER, asset_id) == "assets/ab-1"
    assert remove_asset(db, OWNER, asset_id) is None
    with pytest.raises(NotFound):
        get_asset(db, OWNER, asset_id)
    with pytest.raises(AssetGone):
        use(db, asset_id)


def test_a_deleted_picture_that_is_sent_again_has_its_id_and_a_new_blob(db, asset_id):
    remove_asset(db, OWNER, asset_id)

    kept = store_asset(db, new_asset("assets/ab-2"))

    assert kept == StoredAsset(asset_id, "assets/ab-2", is_new=True)
    assert read_asset_by_digest(db, OWNER, "ab" * 32).key == "assets/ab-2"


def test_a_blob_that_another_owner_shares_stays(db, asset_id):
    ensure_owner(db, "own_b")
    theirs = add_asset(db, new_asset("assets/ab-1", owner_id="own_b"))

    assert remove_asset(db, OWNER, asset_id) is None
    assert remove_asset(db, "own_b", theirs) == "assets/ab-1"


def test_a_fork_and_the_deletion_of_its_parents_picture_do_not_meet(db):
    job_id = submit(db)
    claim(db)
    cancel(db, OWNER, job_id)
    with db.read() as session:
        from sqlalchemy import select

        asset_id = session.scalars(select(Asset.id)).one()

    with pytest.raises(AssetInUse):  # canceling is not over
        remove_asset(db, OWNER, asset_id)


@ON_BOTH
def test_two_equal_submits_at_once_make_one_job_if_they_want(db, asset_id):
    inputs = (NewJobInput("content", 0, asset_id), NewJobInput("style", 0, asset_id))
    new = NewJob(
        OWNER, StyleParams(), inputs, params_digest="cd", reuse="finished_or_active"
    )

    said = both(*(lambda: submit_job(db, new, LIMITS) for _ in range(4)))

    assert len({one.job_id for one in said}) == 1
    assert [one.reused for one in said].count(False) == 1
