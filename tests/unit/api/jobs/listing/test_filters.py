"""Filters of the list: several states and tags, cursors that know them, counts."""

from __future__ import annotations

import pytest
from sqlalchemy import event

from shared.jobs.actions import cancel
from shared.jobs.submit import LOCAL_OWNER_ID
from shared.queries.listing import JobFilters, query_jobs
from shared.states import JobState

OWNER = LOCAL_OWNER_ID


def ids(response):
    assert response.status_code == 200, response.text
    return [job["id"] for job in response.json["data"]]


@pytest.fixture
def made(api, clock):
    """Ids by state, a minute apart; `also` is a second queued one."""
    found = {}
    for name in ("failed", "canceled", "running", "queued", "also"):
        clock.advance(60)
        found[name] = api.submit(name=name, tags='["x"]').json["id"]
        if name == "failed":
            api.fail(api.claimed("a"))
        elif name == "canceled":
            cancel(api.db, OWNER, found[name])
        elif name == "running":
            api.claimed("b")
    return found


def test_several_states_are_any_of_them(client, made):
    wanted = [made["also"], made["queued"], made["failed"]]

    for query in ("state=queued&state=failed", "state=failed,queued"):
        assert ids(client.get(f"/v1/jobs?{query}")) == wanted
        assert ids(client.get(f"/v1/jobs?{query}&q=failed")) == [made["failed"]]
        assert ids(client.get(f"/v1/jobs?{query}&kind=style&tag=x")) == wanted


def test_active_is_all_that_is_not_over(client, made):
    wanted = [made["also"], made["queued"], made["running"]]

    assert ids(client.get("/v1/jobs?state=active")) == wanted
    assert ids(client.get("/v1/jobs?state=active&state=failed")) == [
        *wanted, made["failed"]
    ]  # fmt: skip
    everything = ",".join(JobState)
    assert len(ids(client.get(f"/v1/jobs?state={everything}"))) == 5


def test_several_tags_are_all_of_them(api):
    api.submit(tags='["a"]')
    both = api.submit(tags='["a", "b"]').json["id"]
    api.submit(tags='["b"]')

    assert ids(api.client.get("/v1/jobs?tag=a&tag=b")) == [both]


def test_an_unknown_state_is_told_those_there_are(client):
    response = client.get("/v1/jobs?state=queued,asleep")

    (error,) = response.json["errors"]
    assert error["pointer"] == "/state"
    assert "'asleep'" in error["detail"]
    assert "queued" in error["detail"]
    assert "active" in error["detail"]


def follow(client, url):
    seen = []
    while url:
        page = client.get(url)
        seen += ids(page)
        url = page.headers.get("Link", "").partition("<")[2].partition(">")[0]
    return seen


def test_links_lead_on_with_several_values(client, made):
    for query in ("state=active", "state=queued,failed", "tag=x&tag=x&q=queued"):
        whole = ids(client.get(f"/v1/jobs?{query}"))

        assert follow(client, f"/v1/jobs?{query}&limit=1") == whole


def test_a_cursor_knows_the_filters_of_its_list(client, made):
    query = "state=active&created_after=2020-01-01T00:00:00Z"
    whole, seen, cursor = ids(client.get(f"/v1/jobs?{query}")), [], ""
    url = f"/v1/jobs?limit=1&{query}"
    while cursor is not None:
        page = client.get(url)
        seen += ids(page)
        cursor = page.json["next_cursor"]
        url = f"/v1/jobs?limit=1&cursor={cursor}"

    assert seen == whole


def test_a_cursor_with_other_filters_is_refused(client, made):
    cursor = client.get("/v1/jobs?state=active&limit=1").json["next_cursor"]

    for other in ("state=failed", "state=active&q=x", "tag=x"):
        response = client.get(f"/v1/jobs?cursor={cursor}&{other}")

        assert (response.status_code, response.json["code"]) == (400, "bad-cursor")
        assert "leave them out" in response.json["hint"]
    same = client.get(f"/v1/jobs?cursor={cursor}&state=queued,running,active")
    assert len(ids(same)) == 2


def test_a_cursor_of_assets_knows_their_purpose(api, a_picture):
    import io

    for color in ("red", "green", "blue"):
        form = {"file": (io.BytesIO(a_picture(color)), "a.png"), "purpose": "style"}
        api.client.post("/v1/assets", data=form)
    api.submitted()  # others, for nothing

    cursor = api.client.get("/v1/assets?purpose=style&limit=2").json["next_cursor"]
    rest = api.client.get(f"/v1/assets?cursor={cursor}").json

    assert [one["purpose"] for one in rest["data"]] == ["style"]
    assert rest["next_cursor"] is None


def test_a_page_counts_all_pages_if_that_is_asked(client, made):
    assert client.get("/v1/jobs").json["count"] is None
    for query, count in {"": 5, "state=active&": 3, "q=!&": 0, "tag=x&": 5}.items():
        page = client.get(f"/v1/jobs?{query}limit=1&count=true").json
        assert (page["count"], page["count_is_capped"]) == (count, False)


def test_nobody_counts_further_than_to_a_thousand(client, made, monkeypatch):
    monkeypatch.setattr("shared.queries.listing.MAX_COUNTED", 2)
    monkeypatch.setattr("api.jobs.views.MAX_COUNTED", 2)

    page = client.get("/v1/jobs?state=active&count=true").json

    assert (page["count"], page["count_is_capped"]) == (2, True)


def test_an_unknown_filter_is_told_those_there_are(client):
    response = client.get("/v1/jobs?stat=queued&limit=0")

    said = {one["pointer"]: one["detail"] for one in response.json["errors"]}
    assert set(said) == {"/stat", "/limit"}
    assert "did you mean 'state'?" in said["/stat"]
    assert "created_before" in said["/stat"]


def test_a_plus_that_got_lost_in_the_address_is_explained(client):
    response = client.get("/v1/jobs?created_after=2026-01-01T00:00:00+02:00")

    assert "%2B" in response.json["errors"][0]["detail"]
    right = client.get("/v1/jobs?created_after=2026-01-01T00:00:00%2B02:00")
    assert right.status_code == 200


@pytest.mark.parametrize(
    "filters",
    [
        JobFilters(),
        JobFilters(states=(JobState.QUEUED,)),
        JobFilters(states=(JobState.QUEUED, JobState.FAILED, JobState.PAUSED)),
        JobFilters(tags=("x",)),
    ],
)
def test_a_page_is_read_from_an_index_in_its_order(api, made, filters):
    """Nothing is sorted but what the page itself has, and no table is walked."""
    said = []

    def note(connection, cursor, statement, parameters, context, many):
        if statement.startswith("SELECT") and "FROM jobs" in statement:
            cursor = connection.connection.cursor()
            cursor.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
            said.extend(row[3] for row in cursor.fetchall())

    with api.db.read() as session:
        engine = session.get_bind()
    event.listen(engine, "before_cursor_execute", note)
    query_jobs(api.db, OWNER, 50, (4e9, "job_z"), filters)
    event.remove(engine, "before_cursor_execute", note)

    print(*said, sep="\n")  # noqa: T201 - shown where it fails
    assert not [step for step in said if step.startswith("SCAN jobs")]
    looked = [step for step in said if step.startswith("SEARCH")]
    assert len(looked) >= max(1, len(filters.states))
    for step in looked:
        assert (
            "(created_at,id)<" in step
            or "(created_at,job_id)<" in step
            or (step.endswith("(id=?)"))
        )
