from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from tests.browser.jobs import NAME


def card(page, job_id):
    return page.locator(f'#gallery [data-job="{job_id}"]')


def test_cards_load_thumbnails_alone_and_keep_a_place_for_them(page, jobs):
    ids = [jobs.painted(), jobs.painting()]
    pictures = []

    def note(request):  # Playwright takes no method of a list
        if request.resource_type == "image" and "/v1/" in request.url:
            pictures.append(urlsplit(request.url).path)

    page.on("request", note)
    page.route("**/thumb", lambda _: None)  # none arrives
    with page.expect_request("**/thumb"):
        page.goto("/", wait_until="commit")
    thumbs = page.locator("#gallery .thumb")
    expect(thumbs).to_have_count(2)

    for width in (1280, 320):
        page.set_viewport_size({"width": width, "height": 900})
        sizes = thumbs.evaluate_all(
            "(thumbs) => thumbs.map((thumb) => thumb.offsetWidth / thumb.offsetHeight)"
        )
        assert sizes == pytest.approx([1, 1], abs=0.02)
    thumbnails = {jobs.get(job_id)["urls"]["thumbnail"] for job_id in ids}
    assert set(pictures) == thumbnails


def test_a_card_follows_its_job_and_leads_to_it(page, jobs):
    job_id = jobs.painting()
    page.goto("/")
    expect(card(page, job_id)).to_contain_text("Painting")

    card(page, job_id).press("Enter")

    expect(page.get_by_role("heading", name=NAME)).to_be_visible()
    assert page.url.endswith(f"/jobs/{job_id}")
    jobs.complete(job_id)
    expect(card(page, job_id)).to_contain_text("Finished")
    page.go_back()
    expect(page.locator("#create")).to_be_visible()
    expect(page.locator("#job")).to_be_hidden()


def test_a_job_that_waits_among_the_recent_ones_is_seen_to_end_there(page, jobs):
    job_id = jobs.submit()
    page.clock.install()
    page.goto("/")
    expect(card(page, job_id)).to_contain_text("Waiting")
    jobs.claim(job_id)
    jobs.complete(job_id)

    page.clock.run_for(10_000)  # the list is read again

    expect(card(page, job_id)).to_contain_text("Finished")
    expect(card(page, job_id).locator("img")).to_be_visible()
