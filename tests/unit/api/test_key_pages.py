"""GET /v1/keys, a page at a time."""

from __future__ import annotations

import pytest

from shared import jobs


def walked(api, headers, url):
    """Follow the links from page to page; return the ids of each."""
    pages = []
    while url:
        response = api.client.get(url, headers=headers)
        link = response.headers.get("Link", "")
        assert bool(link) == bool(response.json["next_cursor"])
        pages.append([key["id"] for key in response.json["data"]])
        url = link.partition("<")[2].partition(">")[0]
    return pages


def test_keys_are_listed_newest_first_a_page_at_a_time(keyed, clock):
    headers = keyed.bearer("keys", owner_id="own_a")
    for _ in range(4):
        clock.advance(1)
        keyed.token(owner_id="own_a")
        keyed.token(owner_id="own_b")
    everyone = [key.id for key in jobs.list_keys(keyed.db)]
    mine = [key.id for key in jobs.list_keys(keyed.db, "own_a")]

    pages = walked(keyed, headers, "/v1/keys?limit=2")
    of_all = walked(keyed, keyed.bearer("admin", owner_id="own_c"), "/v1/keys?limit=3")

    assert pages == [mine[:2], mine[2:4], mine[4:]]
    assert [key for page in of_all for key in page][1:] == everyone
    assert walked(keyed, headers, "/v1/keys") == [mine]


def test_a_page_of_keys_is_only_for_who_asked_for_the_list(keyed):
    mine, theirs = (keyed.bearer("keys", "read", owner_id=f"own_{n}") for n in "ab")
    keyed.token(owner_id="own_a")
    cursor = keyed.client.get("/v1/keys?limit=1", headers=mine).json["next_cursor"]

    for headers, path in ((theirs, "/v1/keys"), (mine, "/v1/jobs")):
        response = keyed.client.get(f"{path}?cursor={cursor}", headers=headers)
        assert (response.status_code, response.json["code"]) == (400, "bad-cursor")


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=x", "owner=own_b"])
def test_a_wrong_query_for_keys_is_refused(keyed, query):
    headers = keyed.bearer("keys")

    assert keyed.client.get(f"/v1/keys?{query}", headers=headers).status_code == 422
