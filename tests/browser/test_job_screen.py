from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.accessibility import assert_accessible, assert_fits
from tests.browser.jobs import NAME, SEEN
from tests.support.processes import wait_until

# Largest difference of two pictures of the page, in gray levels, pixel by pixel.
DIFFERENCE = """async ([selector, url]) => {
  const pixels = (image) => {
    const canvas = new OffscreenCanvas(image.naturalWidth, image.naturalHeight);
    const context = canvas.getContext("2d");
    context.drawImage(image, 0, 0);
    return context.getImageData(0, 0, canvas.width, canvas.height).data;
  };
  const wanted = new Image();
  wanted.src = url;
  await wanted.decode();
  const shown = [...document.querySelectorAll(selector)].at(-1);
  const [a, b] = [pixels(shown), pixels(wanted)];
  if (a.length !== b.length) return 255;
  return Math.max(...a.map((value, i) => Math.abs(value - b[i])));
}"""
SHIFTS = """
  window.shifts = 0;
  new PerformanceObserver((list) => {
    const unasked = list.getEntries().filter((entry) => !entry.hadRecentInput);
    for (const entry of unasked) window.shifts += entry.value;
  }).observe({ type: "layout-shift", buffered: true });
"""
SHOWN = "#stage .picture"  # the last one, while it fades in


def button(page, name):
    return page.locator("#job").get_by_role("button", name=name, exact=True)


def row(page, term):
    """The value that stands beside a term of the recipe."""
    return page.locator("#recipe div", has_text=re.compile(f"^{term}")).locator("dd")


def open_job(page, job_id):
    page.goto(f"/jobs/{job_id}")
    expect(page.locator("#job")).to_be_visible()


def expect_on_stage(page, url):
    """Wait until the picture on the stage is that of an address, to the gray level."""
    expect(page.locator(SHOWN).first).to_be_visible()
    wait_until(lambda: page.evaluate(DIFFERENCE, [SHOWN, url]) == 0)


def focused(page):
    return page.evaluate("document.activeElement.id || document.activeElement.tagName")


def with_spaces(number):
    return f"{number:,}".replace(",", "\u202f")


def test_a_finished_job_shows_its_result_and_names_its_file_by_its_pictures(page, jobs):
    job_id = jobs.painted()

    open_job(page, job_id)

    expect(page).to_have_title("Finished · Impasto")
    expect(page.get_by_role("heading", name=NAME)).to_be_visible()
    expect(page.locator("#compare")).to_be_visible()
    expect_on_stage(page, f"/v1/jobs/{job_id}/result")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download 64 \u00d7 96 px").click()
    assert download.value.suggested_filename == "Cat-in-the-style-of-Strokes.png"


def test_a_steered_job_says_so_on_its_slider_its_timeline_and_its_recipe(page, jobs):
    job_id = jobs.painting()
    open_job(page, job_id)
    expect(page.locator("#steer-word")).to_have_text("10")

    page.locator("#steer").focus()
    for _ in range(15):
        page.keyboard.press("ArrowRight")
    jobs.obey(job_id)

    begun = SEEN
    expect(page.locator("#steer-note")).to_have_text(f"Since iteration {begun}")
    (segment,) = jobs.get(job_id)["segments"]
    assert segment["changes"] == {"style_weight": 100}
    expect(row(page, "Style weight")).to_have_text(f"10, 100 from iteration {begun}")
    mark = page.locator("#marks span")
    assert mark.get_attribute("title") == f"style weight 100 from iteration {begun} on"
    left = float(mark.evaluate("(mark) => parseFloat(mark.style.left)"))
    assert left == pytest.approx(100 * begun / 4000, abs=0.01)


@pytest.mark.provokes("429", "412")
def test_a_change_from_elsewhere_is_no_obstacle_to_steering(page, jobs):
    job_id = jobs.submit()
    jobs.act(job_id, "pause")
    page.route("**/events", lambda route: route.fulfill(status=429, json=TOO_MANY))
    open_job(page, job_id)
    page.clock.install()  # the page does not poll now
    revision = {"If-Match": f'"{jobs.get(job_id)["revision"]}"'}
    url = f"/v1/jobs/{job_id}"
    assert jobs.client.patch(url, json={"tv_weight": 0}, headers=revision).is_success

    page.locator("#steer").focus()
    page.keyboard.press("End")
    page.clock.run_for(1000)

    wait_until(lambda: len(jobs.get(job_id)["segments"]) == 2)
    assert jobs.get(job_id)["current"]["style_weight"] > 100


def is_patch(sent):
    return getattr(sent, "request", sent).method == "PATCH"


@pytest.mark.provokes("412")
def test_an_answer_to_steering_that_a_newer_one_overtook_changes_nothing(page, jobs):
    job_id = jobs.painting()
    late = []

    def hold_first(route):
        if is_patch(route.request) and not late:
            late.append((route, route.fetch()))
        else:
            route.continue_()

    page.route(f"**/v1/jobs/{job_id}", hold_first)
    open_job(page, job_id)
    with page.expect_request(is_patch):
        page.locator("#steer").press("ArrowRight")
    with page.expect_response(lambda answer: is_patch(answer) and answer.ok):
        page.locator("#steer").press("End")
    expect(page.locator("#steer-note")).to_have_text("From the next iteration on")
    newest = page.locator("#steer-word").inner_text()
    assert float(newest) > 100

    ((route, answer),) = late
    with page.expect_event("requestfinished", is_patch):
        route.fulfill(response=answer)
    page.evaluate("fetch('/livez')")  # by then the page has read it

    expect(page.locator("#steer-word")).to_have_text(newest)


def test_a_paused_job_shows_the_picture_of_its_iteration(page, jobs):
    job_id = jobs.painting()
    open_job(page, job_id)
    expect_on_stage(page, f"/v1/jobs/{job_id}/frames/{SEEN}")
    jobs.report(job_id, 1234)

    button(page, "Pause").click()
    jobs.obey(job_id)

    expect(page.locator("#job-state")).to_have_text("Paused")
    place = f"iteration {with_spaces(1234)} of {with_spaces(4000)}"
    expect(page.locator("#frame-place")).to_have_text(place)
    expect_on_stage(page, f"/v1/jobs/{job_id}/frames/1234")


def test_the_scrubber_shows_every_stored_frame_and_comes_back(page, jobs):
    job_id = jobs.painting()
    for iteration in (20, 2500):
        jobs.paint(job_id, iteration)
    open_job(page, job_id)
    scrubber = page.locator("#scrubber")
    expect(scrubber).to_be_enabled()
    assert page.locator("#loss-curve polyline").get_attribute("points").count(",") == 3

    scrubber.focus()
    page.keyboard.press("Home")
    for iteration in (SEEN, 20):
        url = f"/v1/jobs/{job_id}/frames/{iteration}"
        expect(page.locator(f'#stage .pinned[src="{url}"]')).to_be_visible()
        page.keyboard.press("ArrowRight")
    expect(page.locator("#stage .pinned")).to_have_count(0)

    page.keyboard.press("Home")
    page.get_by_role("button", name="To the latest").click()
    expect(page.locator("#stage .pinned")).to_have_count(0)
    expect(page.locator("#frame-word")).to_have_text("As it is now")
    assert focused(page) == "scrubber"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_loss_curve_has_the_color_of_text_in_forced_colors(
    new_context, jobs, scheme
):
    page = new_context(forced_colors="active", color_scheme=scheme).new_page()
    job_id = jobs.painting()
    jobs.paint(job_id, 2500)
    open_job(page, job_id)
    expect(page.locator("#scrubber")).to_be_enabled()

    def color(selector, name):
        return page.locator(selector).evaluate(f"(it) => getComputedStyle(it).{name}")

    text = color("#frame-place", "color")
    assert color("#loss-curve polyline", "stroke") == text
    assert color("#loss-curve path", "stroke") == text


def test_pictures_that_are_not_shown_any_more_are_freed(page, jobs, object_urls):
    job_id = jobs.painting()
    late = []
    open_job(page, job_id)
    expect_on_stage(page, f"/v1/jobs/{job_id}/frames/{SEEN}")
    # `on` and `route` mark what they get, so that no method of a list will do.
    page.route("**/frames/latest", lambda route: late.append(route), times=1)  # noqa: PLW0108
    with page.expect_request("**/frames/latest"):
        jobs.paint(job_id, 4)
    jobs.paint(job_id, 5)
    expect_on_stage(page, f"/v1/jobs/{job_id}/frames/5")
    with page.expect_event("requestfinished", lambda sent: sent == late[0].request):
        late[0].continue_()
    jobs.complete(job_id)
    expect(page.locator("#compare")).to_be_visible()
    assert object_urls() >= 2  # the result and the photo

    page.get_by_role("link", name="New picture").click()

    wait_until(lambda: object_urls() == 0)


def is_stream(request):
    return request.url.endswith("/events")


@pytest.mark.provokes("ERR_FAILED")
def test_no_stream_stays_open_that_is_not_read_any_more(page, jobs):
    job_id = jobs.painting()
    open_job(page, job_id)
    expect(page.locator("#job-state")).to_have_text("Painting")

    page.route(f"**/v1/jobs/{job_id}", lambda route: route.abort(), times=1)
    with page.expect_event("requestfailed", is_stream):
        button(page, "Pause").click()
        jobs.obey(job_id)
    expect(page.locator("#job-state")).to_have_text("Paused")

    with page.expect_event("requestfailed", is_stream):
        page.get_by_role("link", name="New picture").click()


def test_cancel_asks_first_and_a_canceled_job_offers_its_picture(page, jobs):
    job_id = jobs.painting()
    open_job(page, job_id)

    button(page, "Cancel…").click()
    expect(page.get_by_role("dialog", name="Cancel this picture?")).to_be_visible()
    page.keyboard.press("Escape")
    assert (focused(page), jobs.get(job_id)["state"]) == ("cancel", "running")
    button(page, "Cancel…").click()
    page.get_by_role("button", name="Cancel the picture").click()
    jobs.obey(job_id)

    expect(page.locator("#job-state")).to_have_text("Canceled")
    done = f"Iteration {SEEN} of {with_spaces(4000)}"
    expect(page.locator("#numbers")).to_contain_text(done)
    with page.expect_download() as download:
        page.get_by_role("link", name="Save the picture so far").click()
    stem = "Cat-in-the-style-of-Strokes"
    assert download.value.suggested_filename == f"{stem}-{SEEN}.jpg"


def test_a_canceled_job_is_tried_again_by_a_new_one_that_the_page_follows(page, jobs):
    job_id = jobs.submit()
    jobs.act(job_id, "cancel")
    open_job(page, job_id)

    button(page, "Try again").click()

    expect(page.locator("#job-state")).to_have_text("Waiting")
    expect(page.get_by_role("heading", name=NAME)).to_be_visible()
    child_id = page.url.rpartition("/")[2]
    child, parent = jobs.get(child_id), jobs.get(job_id)
    assert (child["parent"]["job_id"], child["parent"]["relation"]) == (job_id, "retry")
    assert child["params"] == parent["params"]
    jobs.claim(child_id)
    jobs.complete(child_id)
    expect(page.locator("#job-state")).to_have_text("Finished")
    expect_on_stage(page, f"/v1/jobs/{child_id}/result")


def test_a_question_ends_with_the_screen_of_its_job(page, jobs):
    first, second = jobs.painting(), jobs.submit()
    open_job(page, first)
    page.locator(f'#gallery [data-job="{second}"]').click()
    expect(page.locator("#job-state")).to_have_text("Waiting")
    button(page, "Cancel…").click()
    expect(page.get_by_role("dialog")).to_be_visible()

    page.go_back()

    expect(page.locator("#job-state")).to_have_text("Painting")
    expect(page.get_by_role("dialog")).to_be_hidden()
    states = [jobs.get(job_id)["state"] for job_id in (first, second)]
    assert states == ["running", "queued"]


@pytest.mark.provokes("ERR_FAILED")
@pytest.mark.parametrize(
    ("state", "requested", "shown"),
    [
        ("painting", "**/frames/latest", f"frames/{SEEN}"),
        ("painted", "**/result", "result"),
    ],
)
def test_a_picture_that_fails_to_load_once_is_shown_though_no_news_follow(
    page, jobs, state, requested, shown
):
    job_id = getattr(jobs, state)()
    page.route(requested, lambda route: route.abort(), times=1)

    open_job(page, job_id)

    expect_on_stage(page, f"/v1/jobs/{job_id}/{shown}")


@pytest.mark.provokes("404")
def test_a_job_whose_photo_is_gone_is_shown_all_the_same(page, jobs):
    job_id = jobs.submit()
    page.route("**/v1/assets/*", lambda route: route.fulfill(status=404, json={}))

    open_job(page, job_id)

    expect(page.locator("#job-state")).to_have_text("Waiting")


def test_finish_says_the_size_and_can_go_on_to_the_full_one(page, jobs):
    job_id = jobs.painting(schedule=[[64, 300], [96, 50]])
    open_job(page, job_id)

    button(page, "Finish now…").click()

    dialog = page.get_by_role("dialog", name="Which size do you want?")
    expect(dialog).to_contain_text(
        "43 \u00d7 64 px so far. Its full size is about 65 \u00d7 "
    )
    expect(dialog).to_contain_text("10 instead of 50 iterations")
    dialog.get_by_role("button", name="Finish at full size").click()
    expect(dialog).to_be_hidden()
    jobs.obey(job_id)
    (segment,) = jobs.get(job_id)["segments"]
    assert segment["changes"] == {"iterations": 10}
    expect(page.locator("#numbers")).to_contain_text(f"Iteration {SEEN} of 310")


def test_a_picture_that_was_saved_small_can_go_on_to_its_full_size(page, jobs):
    job_id = jobs.painting()
    open_job(page, job_id)

    button(page, "Finish now…").click()
    page.get_by_role("button", name="Save at 43 \u00d7 64 px").click()
    jobs.obey(job_id)

    expect(page.locator("#job-state")).to_have_text("Finished")
    assert focused(page) == "job-title"
    ended = f"ended early at {SEEN} of {with_spaces(4000)}"
    expect(row(page, "Iterations")).to_have_text(ended)
    expect(row(page, "Size")).to_have_text("43 \u00d7 64 px")
    button(page, "Continue to full size").click()
    page.wait_for_url(lambda url: job_id not in url)
    child = jobs.get(page.url.rpartition("/")[2])
    assert (child["parent"]["job_id"], child["parent"]["relation"]) == (job_id, "fork")


def test_the_focus_is_never_lost(page, jobs):
    job_id = jobs.painting()
    open_job(page, job_id)

    button(page, "Pause").press("Enter")
    jobs.obey(job_id)
    expect(page.locator("#job-state")).to_have_text("Paused")
    assert focused(page) == "resume"
    button(page, "Resume").press("Enter")
    wait_until(lambda: jobs.get(job_id)["state"] == "queued")
    jobs.claim(job_id)
    expect(page.locator("#job-state")).to_have_text("Painting")
    assert focused(page) == "pause"
    button(page, "Cancel…").press("Enter")
    page.get_by_role("button", name="Cancel the picture").press("Enter")
    jobs.report(job_id, SEEN + 1)
    jobs.obey(job_id)
    expect(page.locator("#job-state")).to_have_text("Canceled")
    assert focused(page) == "job-title"


@pytest.mark.parametrize("width", [1280, 320])
def test_nothing_jumps_from_queued_over_live_to_the_result_and_on_reload(
    page, jobs, width
):
    page.set_viewport_size({"width": width, "height": 900})
    page.add_init_script(SHIFTS)
    job_id = jobs.submit()
    open_job(page, job_id)
    expect(page.locator("#job-state")).to_have_text("Waiting")
    page.wait_for_load_state("load")
    jobs.claim(job_id)
    jobs.paint(job_id, SEEN)
    expect_on_stage(page, f"/v1/jobs/{job_id}/frames/{SEEN}")
    jobs.complete(job_id)
    expect(page.locator("#job-state")).to_have_text("Finished")
    expect(page.locator("#compare")).to_be_visible()
    live = page.evaluate("shifts")
    page.reload()
    expect(page.locator("#compare")).to_be_visible()
    expect(page.locator("#gallery li").first).to_be_visible()
    reloaded = page.evaluate("shifts")

    assert max(live, reloaded) < 0.1, (live, reloaded)


TOO_MANY = {"code": "too-many-streams", "status": 429, "title": "Too many streams"}


def note_requests(page, job_id):
    """Note each poll of a job and each stream of its events, with its Last-Event-ID."""
    sent = []

    def note(request):
        if request.url.endswith((f"/v1/jobs/{job_id}", f"{job_id}/events")):
            kind = "stream" if request.url.endswith("/events") else "poll"
            sent.append((kind, request.headers.get("last-event-id")))

    page.on("request", note)
    return sent


def test_a_job_is_followed_by_its_events_alone(page, jobs):
    job_id = jobs.submit()
    sent = note_requests(page, job_id)
    page.clock.install()
    open_job(page, job_id)
    expect(page.locator("#job-state")).to_have_text("Waiting")
    page.clock.run_for(5000)  # longer than between two polls
    page.evaluate("fetch('/livez')")  # after a poll, if there was one
    waiting = [kind for kind, _ in sent]
    jobs.claim(job_id)
    jobs.complete(job_id)
    expect(page.locator("#job-state")).to_have_text("Finished")

    assert waiting == ["stream"]
    kinds = [kind for kind, _ in sent]
    assert kinds.count("stream") == 1
    assert kinds.count("poll") <= 3, "what a claim and an end tell"


def test_a_stream_that_ends_before_it_tells_anything_is_opened_again(page, jobs):
    opening = {"content_type": "text/event-stream", "body": "retry: 3000\n\n"}
    page.route("**/events", lambda route: route.fulfill(**opening), times=1)

    open_job(page, jobs.submit())

    expect(page.locator("#job-state")).to_have_text("Waiting")


@pytest.mark.provokes("429")
def test_without_a_stream_the_job_is_polled(page, jobs):
    page.route("**/events", lambda route: route.fulfill(status=429, json=TOO_MANY))
    job_id = jobs.submit()
    page.clock.install()
    open_job(page, job_id)
    expect(page.locator("#job-state")).to_have_text("Waiting")
    jobs.claim(job_id)
    jobs.complete(job_id)

    page.clock.run_for(2000)

    expect(page.locator("#job-state")).to_have_text("Finished")


@pytest.mark.provokes("ERR_INTERNET_DISCONNECTED", "ERR_FAILED")
def test_after_an_outage_the_page_catches_up_and_meanwhile_says_so(page, jobs):
    job_id = jobs.painting()
    sent = note_requests(page, job_id)
    open_job(page, job_id)
    expect(button(page, "Pause")).to_have_attribute("aria-disabled", "false")

    page.context.set_offline(True)
    # Chromium keeps a stream that is open: this one ends as with the server.
    jobs.act(job_id, "pause")
    jobs.obey(job_id)
    expect(page.get_by_text("The server cannot be reached")).to_be_visible()
    pause = page.locator("#pause")
    expect(pause).to_have_attribute("aria-disabled", "true")
    pause.dispatch_event("click")
    jobs.act(job_id, "resume")
    jobs.claim(job_id)
    page.context.set_offline(False)

    expect(page.locator("#offline")).to_be_hidden()
    expect(page.locator("#job-state")).to_have_text("Painting")
    expect(pause).to_have_attribute("aria-disabled", "false")
    assert [last for kind, last in sent if kind == "stream"][-1].isdigit()


@pytest.mark.provokes("404")
@pytest.mark.parametrize("name", ["job_01JD0000000000000000000000", "%zz"])
def test_an_unknown_job_is_no_empty_stage(page, name):
    page.goto(f"/jobs/{name}")

    expect(page.get_by_role("heading", name="There is no such picture")).to_be_visible()
    expect(page.locator("#job")).to_be_hidden()
    page.get_by_role("link", name="To the start").click()
    expect(page.locator("#create")).to_be_visible()


@pytest.mark.provokes("404")
def test_a_mistyped_address_shows_a_page(page):
    page.goto("/jbos")

    expect(page.get_by_role("heading", name="There is no such page")).to_be_visible()
    page.get_by_role("link", name="To the start").click()
    expect(page.locator("#create")).to_be_visible()


def assert_good(axe_page, state):
    """Fail unless the page shows this state, accessible and on every screen."""
    expect(axe_page.locator("#job-state")).to_have_text(state)
    expect(axe_page.locator("#stage img").first).to_be_visible()
    assert_accessible(axe_page)
    assert_fits(axe_page)


def test_each_state_and_each_question_is_accessible_and_fits_every_screen(
    axe_page, jobs
):
    job_id = jobs.submit()
    open_job(axe_page, job_id)
    assert_good(axe_page, "Waiting")
    jobs.claim(job_id)
    jobs.paint(job_id, SEEN)
    assert_good(axe_page, "Painting")
    for question in ("Finish now…", "Cancel…"):
        button(axe_page, question).click()
        expect(axe_page.get_by_role("dialog")).to_be_visible()
        assert_accessible(axe_page, "dialog")
        assert_fits(axe_page)
        axe_page.keyboard.press("Escape")
    button(axe_page, "Pause").click()
    jobs.obey(job_id)
    assert_good(axe_page, "Paused")
    jobs.act(job_id, "cancel")
    assert_good(axe_page, "Canceled")
    for end, state in (("complete", "Finished"), ("fail", "Failed")):
        job_id = jobs.painting()
        open_job(axe_page, job_id)
        getattr(jobs, end)(job_id)
        assert_good(axe_page, state)
