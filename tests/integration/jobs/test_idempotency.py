"""The rows of Idempotency-Key on both databases: one holder, one job."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import func, select

from shared.assets import AssetOptions, NewAsset, store_asset
from shared.auth.api_keys import (
    NewKey,
    Scope,
    delete_key,
    ensure_owner,
    find_key_by_token,
    get_owner,
    issue_key,
    query_keys,
    record_key_use,
)
from shared.db.database import Database
from shared.db.models.auth import IdempotencyKey
from shared.errors import IdempotencyInProgress, IdempotencyKeyReused, Unauthenticated
from shared.idempotency import (
    HOLD_SECONDS,
    REPLAY_SECONDS,
    IdempotentRequest,
    RecordedResponse,
    abandon_request,
    begin_request,
    record_response,
)
from shared.jobs.submit import NewJob, submit_job
from shared.maintenance.cleaner import Cleaner
from shared.params.style import StyleParams
from shared.queries.listing import query_jobs
from shared.settings import Settings
from shared.storage import open_storage
from tests.support.databases import ON_BOTH
from tests.support.job_rows import LIMITS

OWNER = "own_a"
ANSWER = RecordedResponse(None, 202, {"Location": "/v1/jobs/x"}, '{"b": 1, "a": 2}')


def hold(db, fingerprint="f"):
    return begin_request(db, OWNER, "POST /v1/jobs", "k", fingerprint)


def submit(db, once):
    return submit_job(db, NewJob(OWNER, params(), ()), LIMITS, once).job_id


def params():
    return StyleParams()


@pytest.fixture(autouse=True)
def _owner(db):
    ensure_owner(db, OWNER)


@ON_BOTH
def test_the_first_holds_and_the_others_wait_for_its_answer(db):
    once = hold(db)
    with pytest.raises(IdempotencyInProgress):
        hold(db)
    with pytest.raises(IdempotencyKeyReused):
        hold(db, "other")
    record_response(db, once, ANSWER)

    found = hold(db)

    assert (found.status, found.body) == (202, ANSWER.body)  # to the byte
    assert found.headers == ANSWER.headers


def test_what_came_to_nothing_is_forgotten(db):
    abandon_request(db, hold(db))

    assert isinstance(hold(db, "other"), IdempotentRequest)


def test_what_made_a_job_is_not_forgotten(db, clock):
    once = hold(db)
    job_id = submit(db, once)
    abandon_request(db, once)

    found = hold(db)  # at once: whoever was to answer may be gone

    assert (found.job_id, found.status) == (job_id, None)


@ON_BOTH
def test_whoever_was_overtaken_makes_no_job(db, clock):
    slow = hold(db)
    clock.advance(HOLD_SECONDS + 1)
    quick = hold(db)

    made = submit(db, quick)
    with pytest.raises(IdempotencyInProgress):
        submit(db, slow)
    record_response(db, slow, ANSWER)  # nor does it say what the other is answered
    abandon_request(db, slow)

    assert [job.id for job in query_jobs(db, OWNER, 9)] == [made]
    assert get_owner(db, OWNER).queued == 1
    clock.advance(HOLD_SECONDS + 1)
    assert hold(db).job_id == made


@ON_BOTH
def test_many_at_once_have_one_holder(db, clock):
    found, start = [], threading.Barrier(12)

    def race():
        own = Database(db.url, clock)
        start.wait()
        try:
            found.append(hold(own))
        except IdempotencyInProgress:
            found.append(None)
        finally:
            own.close()

    threads = [threading.Thread(target=race) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(found) == 12
    assert len([one for one in found if one is not None]) == 1


@ON_BOTH
def test_keys_survive_on_both_databases(db, clock):
    key, token = issue_key(
        db,
        NewKey("n", OWNER, frozenset({Scope.READ}), 100, 5, 7, {"max_queued": 3}),
    )

    found = find_key_by_token(db, token)

    assert (found.id, found.owner_id, found.scopes) == (key.id, OWNER, {"read"})
    assert found.expires_in_seconds == pytest.approx(100)
    assert (found.submits_per_minute, found.requests_per_minute) == (5, 7)
    assert get_owner(db, OWNER).max_queued == 3
    record_key_use(db, [key.id])
    assert query_keys(db, OWNER)[0].last_used_at == pytest.approx(clock.now)
    clock.advance(101)
    assert find_key_by_token(db, token) is None
    delete_key(db, key.id)
    assert query_keys(db) == []


@ON_BOTH
def test_a_key_ends_with_the_one_that_made_it_on_both_databases(db, clock):
    maker, _ = issue_key(db, NewKey("n", OWNER, expires_in_seconds=60))
    clock.advance(10)

    for lasts in (None, 600):
        new = NewKey("c", OWNER, expires_in_seconds=lasts, creator_key_id=maker.id)
        assert issue_key(db, new)[0].expires_at == maker.expires_at

    clock.advance(51)
    with pytest.raises(Unauthenticated):
        issue_key(db, NewKey("c", OWNER, creator_key_id=maker.id))


def test_the_janitor_sweeps_what_nobody_may_ask_for_any_more(db, clock, tmp_path):
    settings = Settings(home=tmp_path)
    janitor = Cleaner(db, open_storage(settings.storage_url), settings, clock)
    record_response(db, hold(db), ANSWER)
    janitor.run_once()
    assert answers(db) == 1
    clock.advance(REPLAY_SECONDS + 100)

    janitor.run_once()

    assert answers(db) == 0


def test_old_answers_are_swept_though_there_is_more_to_let_go_of(db, clock, tmp_path):
    settings = Settings(home=tmp_path)
    janitor = Cleaner(db, open_storage(settings.storage_url), settings, clock)
    record_response(db, hold(db), ANSWER)
    what, wish = (
        ("assets/ab", 3, "image/png", 8, 8),
        AssetOptions(expires_in_seconds=60),
    )
    store_asset(db, NewAsset(OWNER, "ab" * 32, *what, options=wish))
    clock.advance(REPLAY_SECONDS + 100)

    janitor.run_once()

    assert answers(db) == 0


def answers(db):
    with db.read() as session:
        return session.scalar(select(func.count()).select_from(IdempotencyKey))
