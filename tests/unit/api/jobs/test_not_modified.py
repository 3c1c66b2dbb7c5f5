"""Polls that are answered before Flask: exactly as Flask would answer them."""

from __future__ import annotations

import pytest

from shared.auth.api_keys import delete_key, query_keys

ONE_EACH = {"Request-Id", "RateLimit"}  # of each answer its own


@pytest.fixture
def polled(keyed):
    """The address of a job that runs, headers to poll it with, and its claim."""
    bearer = keyed.bearer()
    path = keyed.submit(headers=bearer).json["urls"]["self"]
    claim = keyed.claimed()
    keyed.beat(claim)
    etag = keyed.client.get(path, headers=bearer).headers["ETag"]
    return path, bearer | {"If-None-Match": etag}, claim


@pytest.fixture
def asked(keyed, monkeypatch):
    """How often Flask was asked."""
    times = []
    monkeypatch.setattr(keyed.app, "full_dispatch_request", _counted(keyed.app, times))
    return times


def _counted(app, times):
    dispatch = app.full_dispatch_request

    def counted(*arguments):
        times.append(1)
        return dispatch(*arguments)

    return counted


def _poll_again(keyed, path, headers):
    """Have the job known again: a new key was a commit, after which nothing is."""
    assert keyed.client.get(path, headers=headers).status_code == 304
    owner_id = keyed.client.get("/v1/me", headers=headers).json["owner"]
    job_id = path.rpartition("/")[2]
    assert keyed.dependencies.view_cache.get_cached_view(owner_id, job_id) is not None


def test_a_poll_without_news_is_answered_as_flask_would(keyed, polled, asked):
    path, headers, _ = polled
    ours = keyed.client.get(path, headers=headers)
    assert not asked

    flasks = keyed.client.get(f"{path}?", headers=headers | {"Prefer": "safe"})

    assert asked
    assert ours.status == flasks.status == "304 NOT MODIFIED"
    assert ours.data == flasks.data == b""
    assert set(ours.headers.keys()) == set(flasks.headers.keys())
    for name in set(ours.headers.keys()) - ONE_EACH:
        assert ours.headers.getlist(name) == flasks.headers.getlist(name)


def test_news_are_told_at_once(keyed, polled):
    path, headers, claim = polled
    assert keyed.client.get(path, headers=headers).status_code == 304

    keyed.beat(claim, iteration=150, scale_iteration=50)

    assert keyed.client.get(path, headers=headers).status_code == 200


def test_it_counts_as_a_request_and_the_last_one_is_a_problem(keyed):
    bearer = keyed.bearer(requests_per_minute=3)
    path = keyed.submit(headers=bearer).json["urls"]["self"]
    keyed.beat(keyed.claimed())
    etag = keyed.client.get(path, headers=bearer).headers["ETag"]
    headers = bearer | {"If-None-Match": etag}

    answers = [keyed.client.get(path, headers=headers) for _ in range(3)]

    assert [one.status_code for one in answers] == [304, 304, 429]
    assert [one.headers["RateLimit"][:13] for one in answers] == [
        '"default";r=1', '"default";r=0', '"default";r=0',
    ]  # fmt: skip


def test_a_key_that_may_not_read_is_refused(keyed, polled):
    path, headers, _ = polled
    owner_id = keyed.client.get("/v1/me", headers=headers).json["owner"]
    writer = keyed.bearer("write", owner_id=owner_id)
    keyed.client.get("/v1/me", headers=writer)  # so that it is known
    _poll_again(keyed, path, headers)

    assert keyed.client.get(path, headers=headers | writer).status_code == 403


def test_a_revoked_key_is_refused(keyed, polled):
    path, headers, _ = polled
    owner_id = keyed.client.get("/v1/me", headers=headers).json["owner"]
    (key,) = query_keys(keyed.db)
    other = keyed.bearer(owner_id=owner_id)
    delete_key(keyed.db, key.id)
    keyed.dependencies.key_cache.clear()
    _poll_again(keyed, path, headers | other)

    assert keyed.client.get(path, headers=headers).status_code == 401


def test_of_others_jobs_nothing_is_told(keyed, polled):
    path, headers, _ = polled
    other = keyed.bearer()
    keyed.client.get("/v1/me", headers=other)
    _poll_again(keyed, path, headers)

    assert keyed.client.get(path, headers=headers | other).status_code == 404


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("", {"If-None-Match": '"other"'}),
        ("?until=terminal", {"Prefer": "wait=0"}),
        ("?nonsense=1", {}),
    ],
)
def test_whatever_says_more_goes_to_flask(keyed, polled, asked, query, told):
    path, headers, _ = polled

    keyed.client.get(path + query, headers=headers | told)

    assert asked
