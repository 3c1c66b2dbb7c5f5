"""The page on a farm that asks for keys."""

from __future__ import annotations

from contextlib import closing

import pytest
from playwright.sync_api import expect

from shared.auth.api_keys import NewKey, issue_key
from shared.db.database import Database
from tests.browser.conftest import serve
from tests.browser.jobs import Jobs
from tests.support.farm import ROOT


@pytest.fixture(scope="module")
def keyed_server(farm):
    with serve(farm, auth="keys") as server:
        yield server


@pytest.fixture(scope="module")
def browser_context_args(browser_context_args, keyed_server):
    return {**browser_context_args, "base_url": keyed_server.url}


def make_key(farm):
    """A key of a new owner."""
    with closing(Database(farm.database_url)) as db:
        return issue_key(db, NewKey())[1]


@pytest.fixture
def key(farm):
    return make_key(farm)


@pytest.fixture
def jobs(keyed_server, farm, key):
    jobs = Jobs(keyed_server.url, farm, key)
    yield jobs
    jobs.close()


def log_in(page, key):
    page.get_by_label("API key").fill(key)
    page.get_by_role("button", name="Continue").click()
    expect(page.locator("#key-form")).to_be_hidden()


def cards(page):
    return page.locator("#gallery li")


def test_a_session_follows_its_jobs_by_its_cookie(page, jobs, key):
    job_id = jobs.painting()
    streams = []

    def note(response):
        if response.url.endswith("/events"):
            streams.append((response.status, response.request.all_headers()))

    page.on("response", note)
    page.goto("/")
    log_in(page, key)
    cards(page).first.click()
    expect(page.locator("#job-state")).to_have_text("Painting")

    jobs.complete(job_id)

    expect(page.locator("#job-state")).to_have_text("Finished")
    ((status, headers),) = streams
    assert status == 200
    assert "cookie" in headers
    assert "authorization" not in headers


def test_after_logging_out_nothing_of_the_session_is_on_the_page(
    page, farm, jobs, key, object_urls
):
    jobs.submit()
    page.goto("/")
    log_in(page, key)
    expect(cards(page)).to_have_count(1)
    photo = page.locator("[data-well=content]")
    photo.locator("input[type=file]").set_input_files(ROOT / "samples" / "chelsea.jpg")
    expect(photo.locator("img")).to_be_visible()

    page.get_by_role("button", name="Log out").click()

    expect(page.locator("#key-form")).to_be_visible()
    expect(page.locator("#recent")).to_be_hidden()
    expect(cards(page)).to_have_count(0)
    assert object_urls() == 0
    log_in(page, make_key(farm))
    expect(page.get_by_text("Your pictures will gather here")).to_be_visible()
    expect(cards(page)).to_have_count(0)
    expect(photo.locator("img")).to_be_hidden()
    assert photo.locator("input").evaluate("(input) => input.files.length") == 0


@pytest.mark.provokes("ERR_FAILED")
def test_logging_out_says_so_if_it_fails(page, key):
    page.goto("/")
    log_in(page, key)
    page.route("**/session", lambda route: route.abort(), times=1)

    page.get_by_role("button", name="Log out").click()
    expect(page.locator("#leave-error")).to_contain_text("You are still logged in")
    page.get_by_role("button", name="Log out").click()

    expect(page.locator("#key-form")).to_be_visible()
    expect(page.locator("#leave-error")).to_be_hidden()


@pytest.mark.provokes("410")  # its thumbnail may still be on its way
def test_the_card_of_a_deleted_job_goes(page, jobs, key):
    oldest, newest = jobs.painted(), jobs.submit()
    page.goto("/")
    log_in(page, key)
    expect(cards(page)).to_have_count(2)
    jobs.delete(oldest)

    page.get_by_role("link", name="Impasto", exact=True).click()

    expect(cards(page)).to_have_count(1)
    expect(page.locator(f'#gallery [data-job="{newest}"]')).to_be_visible()
