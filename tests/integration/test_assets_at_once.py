"""Pictures that are sent, used and deleted at once, on both databases."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shared import jobs
from shared.errors import AssetGone, AssetInUse, NotFound
from shared.models import Asset
from shared.params import StyleParams
from tests.at_once import both
from tests.job_rows import LIMITS, claim, result, submit

OWNER = "own_a"


def new_asset(key, digest="ab" * 32, owner_id=OWNER):
    return jobs.NewAsset(owner_id, digest, key, 3, "image/png", 8, 8)


@pytest.fixture
def asset_id(db):
    jobs.ensure_owner(db, OWNER)
    return jobs.add_asset(db, new_asset("assets/ab-1"))


def use(db, asset_id):
    inputs = (jobs.Input("content", 0, asset_id), jobs.Input("style", 0, asset_id))
    return jobs.submit(db, jobs.NewJob(OWNER, StyleParams(), inputs), LIMITS)


def test_of_many_uploads_of_a_picture_one_is_kept(db):
    jobs.ensure_owner(db, OWNER)

    said = both(*(
        lambda key=f"assets/ab-{number}": jobs.keep_asset(db, new_asset(key))
        for number in range(5)
    ))  # fmt: skip

    assert len({kept.id for kept in said}) == 1
    assert len({kept.key for kept in said}) == 1
    assert [kept.is_new for kept in said].count(True) == 1


@pytest.mark.parametrize("_round", range(5))
def test_of_many_uploads_at_once_every_wish_counts(db, _round):
    jobs.ensure_owner(db, OWNER)
    wishes = [jobs.Wish(expires_in_seconds=60.0)] * 4
    wishes.append(jobs.Wish(jobs.Purpose.STYLE))

    both(*(
        lambda key=f"assets/ab-{number}", wish=wish: jobs.keep_asset(
            db, replace(new_asset(key), wish=wish)
        )
        for number, wish in enumerate(wishes)
    ))  # fmt: skip

    (kept,) = jobs.list_assets(db, OWNER, 10)
    assert (kept.purpose, kept.expires_at) == (jobs.Purpose.STYLE, None)


@pytest.mark.parametrize("_round", range(5))
def test_a_picture_is_used_or_deleted_never_both(db, asset_id, _round):
    used, deleted = both(
        lambda: use(db, asset_id), lambda: jobs.delete_asset(db, OWNER, asset_id)
    )

    with db.read() as session:
        key = session.get(Asset, asset_id).key
    if isinstance(used, AssetGone):
        assert (deleted, key) == ("assets/ab-1", None)
    else:
        assert isinstance(deleted, AssetInUse), deleted
        assert (deleted.jobs, key) == ((used,), "assets/ab-1")


def test_a_picture_is_free_once_its_job_is_over(db, asset_id):
    use(db, asset_id)
    claimed = claim(db)
    jobs.complete(db, claimed, result(claimed))

    assert jobs.delete_asset(db, OWNER, asset_id) == "assets/ab-1"
    assert jobs.delete_asset(db, OWNER, asset_id) is None
    with pytest.raises(NotFound):
        jobs.get_asset(db, OWNER, asset_id)
    with pytest.raises(AssetGone):
        use(db, asset_id)


def test_a_deleted_picture_that_is_sent_again_has_its_id_and_a_new_blob(db, asset_id):
    jobs.delete_asset(db, OWNER, asset_id)

    kept = jobs.keep_asset(db, new_asset("assets/ab-2"))

    assert kept == jobs.Kept(asset_id, "assets/ab-2", is_new=True)
    assert jobs.find_asset(db, OWNER, "ab" * 32).key == "assets/ab-2"


def test_a_blob_that_another_owner_shares_stays(db, asset_id):
    jobs.ensure_owner(db, "own_b")
    theirs = jobs.add_asset(db, new_asset("assets/ab-1", owner_id="own_b"))

    assert jobs.delete_asset(db, OWNER, asset_id) is None
    assert jobs.delete_asset(db, "own_b", theirs) == "assets/ab-1"


def test_a_fork_and_the_deletion_of_its_parents_picture_do_not_meet(db):
    job_id = submit(db)
    claim(db)
    jobs.cancel(db, OWNER, job_id)
    with db.read() as session:
        from sqlalchemy import select

        asset_id = session.scalars(select(Asset.id)).one()

    with pytest.raises(AssetInUse):  # canceling is not over
        jobs.delete_asset(db, OWNER, asset_id)


def test_two_equal_submits_at_once_make_one_job_if_they_want(db, asset_id):
    inputs = (jobs.Input("content", 0, asset_id), jobs.Input("style", 0, asset_id))
    new = jobs.NewJob(
        OWNER, StyleParams(), inputs, params_digest="cd", reuse="finished_or_active"
    )

    said = both(*(lambda: jobs.submit_or_reuse(db, new, LIMITS) for _ in range(4)))

    assert len({one.job_id for one in said}) == 1
    assert [one.reused for one in said].count(False) == 1
