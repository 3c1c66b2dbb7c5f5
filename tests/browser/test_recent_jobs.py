from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.jobs import NAME

# Mean difference of a thumbnail from a picture, in gray levels, at the same small size.
MEAN_DIFFERENCE = """async ([selector, url]) => {
  const pixels = (image) => {
    const canvas = new OffscreenCanvas(24, 16);
    const context = canvas.getContext("2d");
    context.drawImage(image, 0, 0, 24, 16);
    return context.getImageData(0, 0, 24, 16).data;
  };
  const wanted = new Image();
  wanted.src = url;
  await wanted.decode();
  const shown = document.querySelector(selector);
  await shown.decode();
  const [a, b] = [pixels(shown), pixels(wanted)];
  return a.reduce((sum, value, i) => sum + Math.abs(value - b[i]), 0) / a.length;
}"""


def card(page, job_id):
    return page.locator(f'#gallery [data-job="{job_id}"]')


def test_the_card_of_a_finished_job_shows_its_result(page, jobs):
    job_id = jobs.painted()
    job = jobs.get(job_id)
    page.goto("/")
    expect(card(page, job_id)).to_contain_text("Finished")

    def difference(url):
        selector = f'[data-job="{job_id}"] img'
        return page.evaluate(MEAN_DIFFERENCE, [selector, url])

    urls = job["urls"]
    assert difference(urls["result"]) < 4 < difference(urls["content"])


def test_cards_load_thumbnails_alone_and_keep_a_place_for_them(page, jobs):
    jobs.painted()
    jobs.painting()
    pictures = []

    def note(request):  # Playwright takes no method of a list
        if request.resource_type == "image" and "/v1/" in request.url:
            pictures.append(request.url)

    page.on("request", note)
    page.route("**/thumb", lambda _: None)  # none arrives
    with page.expect_request("**/thumb"):
        page.goto("/")
    thumbs = page.locator("#gallery .thumb")
    expect(thumbs).to_have_count(2)

    for width in (1280, 320):
        page.set_viewport_size({"width": width, "height": 900})
        sizes = thumbs.evaluate_all(
            "(thumbs) => thumbs.map((thumb) => thumb.offsetWidth / thumb.offsetHeight)"
        )
        assert sizes == pytest.approx([1, 1], abs=0.02)
    assert [url.rpartition("/")[2] for url in pictures] == ["thumb", "thumb"]


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
