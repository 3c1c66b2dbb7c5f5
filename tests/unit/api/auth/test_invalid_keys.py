"""Keys that are none: what they cost, and that they cost nobody else anything."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, event

from api.auth.key_cache import CACHE_SECONDS
from api.auth.rate_limit import WRONG_KEYS_PER_MINUTE, client_network
from shared.auth.api_keys import delete_key, query_keys

HOST = {"Host": "farm.example"}


def look(api, token, address="127.0.0.1"):
    return api.client.get(
        "/v1/me",
        headers={"Authorization": f"Bearer {token}"},
        environ_overrides={"REMOTE_ADDR": address},
    )


def log_in(api, key):
    return api.client.post(
        "/session", headers=HOST | {"Authorization": f"Bearer {key}"}
    )


def spend_all(api, address="127.0.0.1"):
    """Send as many wrong keys as an address may."""
    for number in range(WRONG_KEYS_PER_MINUTE):
        assert look(api, f"imp_wrong-{number}", address).status_code == 401


@pytest.fixture
def reads(keyed):
    """What the database is asked about keys, as it is asked."""
    seen = []

    def note(_connection, _cursor, statement, *_more):
        if "FROM api_keys" in statement:
            seen.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    yield seen
    event.remove(Engine, "before_cursor_execute", note)


def test_a_wrong_key_sent_again_and_again_is_looked_up_once(keyed, clock, reads):
    for _ in range(20):
        assert look(keyed, "imp_wrong").status_code == 401
    assert len(reads) == 1

    clock.advance(CACHE_SECONDS + 0.1)
    look(keyed, "imp_wrong")

    assert len(reads) == 2


def test_the_page_of_a_revoked_key_is_looked_up_seldom(keyed, clock, reads):
    log_in(keyed, keyed.token(owner_id="own_a"))
    (key,) = query_keys(keyed.db, "own_a")
    delete_key(keyed.db, key.id)
    clock.advance(CACHE_SECONDS + 0.1)
    reads.clear()

    answers = [keyed.client.get("/v1/me", headers=HOST) for _ in range(20)]

    assert {one.status_code for one in answers} == {401}
    assert len(reads) == 1


def test_an_answer_to_a_wrong_key_tells_how_many_more_are_answered(keyed):
    response = look(keyed, "imp_wrong")

    assert response.headers["RateLimit-Policy"] == '"wrong-keys";q=60;w=60'
    assert response.headers["RateLimit"] == '"wrong-keys";r=59;t=1'


@pytest.mark.parametrize("send", [look, log_in])
def test_too_many_wrong_keys_of_an_address_are_429(keyed, send):
    spend_all(keyed)

    refused = send(keyed, "imp_one-more")

    assert (refused.status_code, refused.json["code"]) == (429, "rate-limited")
    assert refused.headers["Retry-After"] == "1"
    assert refused.headers["RateLimit"] == '"wrong-keys";r=0;t=60'
    assert "a valid key is let in" in refused.json["hint"]


def test_wrong_keys_at_the_pages_door_count_as_well(keyed):
    answers = [log_in(keyed, f"imp_{n}") for n in range(WRONG_KEYS_PER_MINUTE + 1)]

    assert [one.status_code for one in answers] == [401] * WRONG_KEYS_PER_MINUTE + [429]


def test_time_brings_them_back_one_by_one(keyed, clock):
    spend_all(keyed)
    clock.advance(1)

    statuses = [look(keyed, f"imp_later-{n}").status_code for n in range(2)]

    assert statuses == [401, 429]


def test_a_good_key_is_let_in_however_many_wrong_ones_its_address_sends(keyed, clock):
    known, unknown = keyed.token(), keyed.token()
    look(keyed, known)
    spend_all(keyed)
    assert look(keyed, "imp_wrong").status_code == 429

    assert look(keyed, known).status_code == 200
    assert look(keyed, unknown).status_code == 200, "never seen before"
    assert log_in(keyed, unknown).status_code == 200
    clock.advance(CACHE_SECONDS + 0.1)  # it has to be read again
    spend_all(keyed, "127.0.0.2")
    assert look(keyed, known, "127.0.0.2").status_code == 200


def test_a_good_key_made_meanwhile_is_let_in_at_once(keyed):
    spend_all(keyed)

    assert look(keyed, keyed.token()).status_code == 200


def test_an_expired_key_is_a_wrong_one(keyed, clock):
    token = keyed.token(expires_in_seconds=3)
    clock.advance(4)
    spend_all(keyed)

    assert look(keyed, token).status_code == 429


def test_other_addresses_do_not_pay_for_it(keyed):
    spend_all(keyed)

    assert look(keyed, "imp_wrong", "203.0.113.9").status_code == 401
    assert look(keyed, "imp_wrong").status_code == 429


def test_no_key_at_all_costs_nothing_and_is_not_counted(keyed, reads):
    answers = [keyed.client.get("/v1/me") for _ in range(WRONG_KEYS_PER_MINUTE + 1)]

    assert {one.status_code for one in answers} == {401}
    assert "RateLimit" not in answers[0].headers
    assert reads == []


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:aaaa::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:bbbb::2", "2001:db8:1:2::/64"),
        ("::1", "::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        (None, ""),
        ("nowhere", ""),
    ],
)
def test_who_has_one_address_of_a_network_has_them_all(address, network):
    assert client_network(address) == network
