"""Whether those who wait may still: asked of the database now and then, for all."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import event

from api.watch import watcher
from api.watch.watcher import KEY_CHECK_SECONDS, KeyExpiryChecker
from shared.auth.api_keys import NewKey, delete_key, issue_key


@pytest.fixture
def key_checker(keyed, clock):
    return KeyExpiryChecker(keyed.db, clock)


def make_keys(db, number):
    new = NewKey(owner_id="own_a")
    return [issue_key(db, new)[0].id for _ in range(number)]


def test_a_key_that_is_gone_is_named_once_it_is_time(keyed, key_checker, clock):
    ids = make_keys(keyed.db, 3)
    assert not key_checker.find_expired(ids)

    delete_key(keyed.db, ids[1])

    assert not key_checker.find_expired(ids)
    clock.advance(KEY_CHECK_SECONDS)
    assert key_checker.find_expired(ids) == {ids[1]}


def test_one_that_was_revoked_here_is_named_at_once(keyed, key_checker):
    (key_id,) = make_keys(keyed.db, 1)
    assert not key_checker.find_expired([key_id])
    delete_key(keyed.db, key_id)

    key_checker.check_soon()

    assert key_checker.find_expired([key_id]) == {key_id}


def test_one_that_expires_is_named_too(keyed, key_checker, clock):
    new = NewKey(owner_id="own_a", expires_in_seconds=10)
    key_id = issue_key(keyed.db, new)[0].id
    assert not key_checker.find_expired([key_id])

    clock.advance(10)

    assert key_checker.find_expired([key_id]) == {key_id}


def test_many_keys_cost_one_query_in_two_seconds_and_none_costs_nothing(
    keyed, key_checker, clock
):
    ids, asked = make_keys(keyed.db, 40), []
    with keyed.db.read() as session:
        engine = session.get_bind()

    def note(*about):
        asked.append(about[2])

    event.listen(engine, "before_cursor_execute", note)
    for _ in range(20):  # reads of the watcher, five a second
        key_checker.find_expired(ids)
        clock.advance(0.2)
    assert sum("api_keys" in statement for statement in asked) == 2

    asked.clear()
    clock.advance(KEY_CHECK_SECONDS)
    assert not key_checker.find_expired([])
    event.remove(engine, "before_cursor_execute", note)
    assert asked == []


def test_a_submission_that_waits_is_accepted_though_its_key_is_revoked(keyed):
    key, token = issue_key(keyed.db, NewKey(owner_id="own_a"))
    revoking = threading.Timer(0.5, delete_key, (keyed.db, key.id))
    revoking.start()

    headers = {"Authorization": f"Bearer {token}", "Prefer": "wait=30"}
    response = keyed.submit(headers=headers)

    revoking.join()
    assert (response.status_code, response.json["state"]) == (202, "queued")
    assert "Preference-Applied" not in response.headers


def test_a_key_that_is_revoked_here_ends_what_waits_with_it_before_the_next_check(
    keyed, monkeypatch
):
    monkeypatch.setattr(watcher, "KEY_CHECK_SECONDS", 3600.0)
    staying = keyed.bearer("write", "keys", owner_id="own_a")
    key, token = issue_key(keyed.db, NewKey(owner_id="own_a"))
    url = keyed.submit(headers=staying).json["urls"]["self"]
    revoking = threading.Timer(
        0.5,
        keyed.app.test_client().delete,
        (f"/v1/keys/{key.id}",),
        {"headers": staying},
    )
    revoking.start()

    headers = {"Authorization": f"Bearer {token}", "Prefer": "wait=60"}
    refused = keyed.client.get(f"{url}?until=terminal", headers=headers)

    revoking.join()
    assert (refused.status_code, refused.json["code"]) == (401, "unauthenticated")
