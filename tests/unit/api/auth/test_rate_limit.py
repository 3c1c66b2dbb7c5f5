"""RateLimit fields: two budgets per key, counted in the process."""

from __future__ import annotations

import re
import threading

import pytest

from api.auth.rate_limit import WINDOW_SECONDS, RateLimiter

FIELD = re.compile(r'"(submit|default)";([a-z])=(\d+);([a-z])=(\d+)')


def look(api, headers, path="/v1/jobs"):
    return api.client.get(path, headers=headers)


def fields(response):
    """(budget, quota, window, left, seconds until it is whole) as numbers."""
    policy = FIELD.fullmatch(response.headers["RateLimit-Policy"])
    limit = FIELD.fullmatch(response.headers["RateLimit"])
    assert (policy[2], policy[4]) == ("q", "w")
    assert (limit[2], limit[4]) == ("r", "t")
    assert policy[1] == limit[1]
    return (policy[1], *(int(one[n]) for one in (policy, limit) for n in (3, 5)))


def test_every_answer_tells_what_is_left(keyed):
    headers = keyed.bearer()

    assert fields(look(keyed, headers)) == ("default", 1200, 60, 1199, 1)
    assert fields(look(keyed, headers, "/v1/jobs/none")) == (
        *("default", 1200, 60),
        *(1198, 1),
    )
    assert fields(keyed.submit(headers=headers)) == ("submit", 60, 60, 59, 1)


def test_a_spent_budget_is_429_with_when_to_come_back(keyed, clock):
    headers = keyed.bearer(requests_per_minute=2)
    assert [look(keyed, headers).status_code for _ in range(3)] == [200, 200, 429]

    refused = look(keyed, headers)

    assert refused.json["code"] == "rate-limited"
    assert refused.json["retryable"] is True
    assert refused.headers["Retry-After"] == "30"
    assert fields(refused) == ("default", 2, 60, 0, 60)
    clock.advance(29)
    assert look(keyed, headers).status_code == 429
    clock.advance(1)
    assert look(keyed, headers).status_code == 200
    assert look(keyed, headers).status_code == 429


def test_submits_and_all_else_are_counted_apart(keyed):
    headers = keyed.bearer(submits_per_minute=1, requests_per_minute=1)
    job = keyed.submit(headers=headers).json
    assert keyed.submit(headers=headers).status_code == 429

    # To stop a job is no submit: it works when that budget is spent.
    stopped = keyed.client.post(job["urls"]["cancel"], headers=headers)

    assert stopped.status_code == 200
    assert look(keyed, headers).status_code == 429


def test_what_makes_something_counts_as_a_submit(keyed):
    headers = keyed.bearer("admin")
    for path in ("/v1/jobs", "/v1/explorations", "/v1/keys"):
        assert fields(keyed.client.post(path, headers=headers))[0] == "submit"
    for verb in ("fork", "extend", "retry"):
        path = f"/v1/jobs/job_1/{verb}"
        assert fields(keyed.client.post(path, headers=headers))[0] == "submit"


def test_an_estimate_counts_as_a_submit_only_if_it_uploads_pictures(keyed):
    headers = keyed.bearer()
    form = {"params": "{}"}

    by_ids = keyed.client.post("/v1/estimates", json={}, headers=headers)
    uploading = keyed.client.post(
        "/v1/estimates", data=form, content_type="multipart/form-data", headers=headers
    )

    assert fields(by_ids)[0] == "default"
    assert fields(uploading)[0] == "submit"


def test_keys_do_not_spend_each_others_budget(keyed):
    one, other = (keyed.bearer(requests_per_minute=1) for _ in range(2))

    assert [look(keyed, key).status_code for key in (one, other, one)] == [
        *(200, 200),
        429,
    ]


def test_zero_is_no_limit_and_says_nothing(keyed):
    headers = keyed.bearer(requests_per_minute=0)

    answers = [look(keyed, headers) for _ in range(50)]

    assert {one.status_code for one in answers} == {200}
    assert "RateLimit" not in answers[0].headers


def test_the_settings_say_what_keys_without_limits_of_their_own_may(make_api):
    api = make_api(auth="keys", requests_per_minute=1)
    headers = api.bearer()

    assert [look(api, headers).status_code for _ in range(2)] == [200, 429]


def test_without_keys_and_without_a_valid_one_nothing_is_counted(api, keyed):
    assert "RateLimit" not in look(api, {}).headers
    assert "RateLimit" not in look(keyed, {}).headers


def test_a_budget_fills_up_evenly(clock):
    budgets = RateLimiter(clock)
    for _ in range(60):
        assert budgets.take("k", "default", 60).retry_after_seconds is None
    assert budgets.take("k", "default", 60).retry_after_seconds == 1

    clock.advance(10)

    taken = [budgets.take("k", "default", 60) for _ in range(11)]
    assert [one.remaining for one in taken] == [*range(9, -1, -1), 0]
    assert [one.retry_after_seconds is None for one in taken] == [True] * 10 + [False]


@pytest.mark.parametrize("quota", [1, 3, 7, 60, 1200, 999_983])
def test_exactly_the_quota_can_be_spent_at_once(clock, quota):
    budgets, tries = RateLimiter(clock), min(quota, 2000)

    taken = [budgets.take("k", "default", quota) for _ in range(tries)]

    assert all(one.retry_after_seconds is None for one in taken)
    assert [one.remaining for one in taken] == list(
        range(quota - 1, quota - tries - 1, -1)
    )
    if tries == quota:
        assert budgets.take("k", "default", quota).retry_after_seconds is not None


def test_threads_together_spend_no_more_than_the_quota(clock):
    budgets, taken = RateLimiter(clock), []

    def spend():
        taken.extend(budgets.take("k", "default", 700) for _ in range(500))

    threads = [threading.Thread(target=spend) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [one.retry_after_seconds for one in taken].count(None) == 700
    assert WINDOW_SECONDS == 60
