"""What people type for a job."""

from __future__ import annotations

import pytest

from impasto.cli.job_ids import resolve_job_id
from impasto.errors import AmbiguousId
from tests.support.fake_api import Answer

ALFA, BRAVO = "job_" + "A" * 26, "job_" + "AB" * 13


@pytest.fixture(autouse=True)
def _two_pages(farm):
    pages = (
        Answer(body={"data": [{"id": BRAVO, "state": "queued"}], "next_cursor": "c"}),
        Answer(body={"data": [{"id": ALFA, "state": "queued"}]}),
    )
    farm.answers("GET /v1/jobs", *pages)


def test_a_full_id_asks_nobody(farm, client):
    assert resolve_job_id(client.jobs, ALFA) == ALFA
    assert farm.seen == []


def test_last_is_the_newest(client):
    assert resolve_job_id(client.jobs, "@last") == BRAVO


@pytest.mark.parametrize("typed", ["job_AA", "AA"])
def test_a_beginning_is_looked_for_on_every_page(client, typed):
    assert resolve_job_id(client.jobs, typed) == ALFA


@pytest.mark.parametrize(("typed", "why"), [("A", "2 jobs"), ("C", "no job")])
def test_a_beginning_must_fit_one_job(client, typed, why):
    with pytest.raises(AmbiguousId, match=why):
        resolve_job_id(client.jobs, typed)


def test_last_of_nothing_says_so(farm, client):
    farm.answers("GET /v1/jobs", Answer(body={"data": []}))

    with pytest.raises(AmbiguousId, match="no job yet"):
        resolve_job_id(client.jobs, "@last")


@pytest.mark.parametrize("command", ["show", "cancel", "watch", "retry"])
def test_an_address_typed_as_an_id_is_not_asked_for(impasto, farm, command):
    typed = f"../keys/{'x' * 30}"

    ran = impasto(command, typed, "--api-url", farm.url)

    assert ran.exit_code == 1
    assert "is not the id of a job" in ran.stderr
    assert "job_01J" in ran.stderr
    assert farm.seen == []
