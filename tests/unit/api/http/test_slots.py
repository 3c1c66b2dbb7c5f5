"""Places for streams and held requests: so many in all, so many of one owner."""

from __future__ import annotations

import pytest

from api.http.slots import OwnerSlots
from shared.errors import TooManyStreams

STREAM = {"Accept": "text/event-stream"}


def test_an_owner_takes_its_own_places_and_leaves_those_of_others():
    places = OwnerSlots(3, 2, TooManyStreams)
    first, second = places.take("own_a"), places.take("own_a")

    with pytest.raises(TooManyStreams) as refused:
        places.take("own_a")
    third = places.take("own_b")
    with pytest.raises(TooManyStreams) as full:
        places.take("own_c")

    assert refused.value.members == {"cap": "owner", "most": 2}
    assert full.value.members == {"cap": "server", "most": 3}
    for give_back in (first, first, second, third):
        give_back()
    for owner_id in ("own_c", "own_d", "own_e"):
        places.take(owner_id)  # what is given back twice is one place
    with pytest.raises(TooManyStreams):
        places.take("own_f")


def test_without_a_cap_of_its_own_an_owner_can_take_all():
    places = OwnerSlots(3, 3, TooManyStreams)
    for _ in range(3):
        places.take("own_local")

    with pytest.raises(TooManyStreams) as refused:
        places.take("own_local")

    assert refused.value.members["cap"] == "server"


def open_one(api, headers, path="/v1/events"):
    return api.client.get(path, headers={**STREAM, **headers})


@pytest.fixture
def narrow(make_api):
    return make_api(
        auth="keys", max_streams_per_owner=2, stream_seconds=0.05, host="127.0.0.1"
    )


def test_the_problem_names_the_cap_of_the_owner_which_all_its_keys_share(narrow):
    mine = narrow.bearer(owner_id="own_a")
    other_key = narrow.bearer(owner_id="own_a")
    somebody = narrow.bearer(owner_id="own_b")
    job_id = narrow.submit(headers=mine).json["id"]
    for _ in range(2):
        narrow.dependencies.stream_slots.take("own_a")

    for headers in (mine, other_key):
        refused = open_one(narrow, headers)
        assert (refused.status_code, refused.json["code"]) == (429, "too-many-streams")
        assert (refused.json["cap"], refused.json["most"]) == ("owner", 2)
        assert refused.json["retryable"] is True
        assert refused.headers["Retry-After"] == "5"
    url = f"/v1/jobs/{job_id}?until=terminal"
    held = narrow.client.get(url, headers={**mine, "Prefer": "wait=5"})
    assert (held.status_code, held.json["cap"]) == (429, "owner")
    assert narrow.client.get(url, headers=mine).status_code == 200
    assert open_one(narrow, somebody).status_code == 200


def test_without_keys_the_one_owner_has_all_places(make_api):
    api = make_api(max_streams=3, max_streams_per_owner=1, stream_seconds=0.05)
    for _ in range(2):
        api.dependencies.stream_slots.take("own_local")

    assert open_one(api, {}).status_code == 200
    api.dependencies.stream_slots.take("own_local")

    assert open_one(api, {}).json["cap"] == "server"
    limits = api.client.get("/v1/capabilities").json["limits"]
    assert (limits["max_streams"], limits["max_streams_per_owner"]) == (3, 3)


def test_the_caps_are_told(narrow):
    limits = narrow.client.get("/v1/capabilities", headers=narrow.bearer()).json[
        "limits"
    ]

    assert (limits["max_streams"], limits["max_streams_per_owner"]) == (256, 2)
    me = narrow.client.get("/v1/me", headers=narrow.bearer()).json
    assert me["max_streams"] == 2
