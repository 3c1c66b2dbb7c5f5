from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.jobs import LONG, NAME, SHORT

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
    job_id = jobs.painted(style_weight=1000)
    job = jobs.get(job_id)
    page.goto("/")
    expect(card(page, job_id)).to_contain_text("Finished")

    def difference(url):
        selector = f'[data-job="{job_id}"] img'
        return page.evaluate(MEAN_DIFFERENCE, [selector, url])

    from_result, from_photo = map(difference, [job["urls"]["result"], content(job)])
    assert from_result < 4 < from_photo


def content(job):
    return job["urls"]["content"]


def test_cards_load_thumbnails_and_nothing_larger(page, jobs):
    jobs.painted()
    loaded = []

    def note(request):  # Playwright takes no method of a list
        loaded.append(request)

    page.on("requestfinished", note)

    page.goto("/")
    expect(page.locator("#gallery img").first).to_be_visible()
    page.wait_for_load_state("networkidle")

    pictures = [request for request in loaded if request.resource_type == "image"]
    thumbs = [request for request in pictures if "/v1/jobs/" in request.url]
    assert thumbs
    assert all(request.url.endswith("/thumb") for request in thumbs)
    assert not any("/content" in request.url for request in pictures)
    widths = page.locator("#gallery img").evaluate_all(
        "(images) => images.map((image) => image.naturalWidth)"
    )
    assert max(widths) <= 320


def test_a_card_follows_its_job_and_leads_to_it(page, jobs):
    job_id = jobs.submit(**LONG)
    jobs.until_painted(job_id)
    page.goto("/")
    expect(card(page, job_id)).to_contain_text("Painting")

    card(page, job_id).press("Enter")

    expect(page.get_by_role("heading", name=NAME)).to_be_visible()
    assert page.url.endswith(f"/jobs/{job_id}")
    jobs.act(job_id, "pause")
    expect(card(page, job_id)).to_contain_text("Paused")
    page.go_back()
    expect(page.locator("#create")).to_be_visible()
    expect(page.locator("#job")).to_be_hidden()


def test_a_new_job_appears_among_the_recent_ones_and_ends_there(page, jobs):
    holder = jobs.submit(**LONG)
    jobs.until_painted(holder)
    job_id = jobs.submit(**SHORT, seed=5)
    page.goto("/")
    expect(card(page, job_id)).to_contain_text("Waiting")

    jobs.act(holder, "cancel")

    expect(card(page, job_id)).to_contain_text("Finished")
    expect(card(page, job_id).locator("img")).to_be_visible()


@pytest.mark.parametrize("width", [1280, 320])
def test_cards_keep_their_place_while_their_pictures_load(page, jobs, width):
    jobs.painted()
    page.set_viewport_size({"width": width, "height": 900})
    page.goto("/")
    expect(page.locator("#gallery img").first).to_be_visible()

    sizes = page.locator("#gallery .thumb").evaluate_all(
        "(thumbs) => thumbs.map((thumb) => thumb.offsetWidth / thumb.offsetHeight)"
    )

    assert sizes == pytest.approx([1] * len(sizes), abs=0.02)
