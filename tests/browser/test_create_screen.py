from __future__ import annotations

import hashlib
import json
import re

import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.browser.accessibility import assert_accessible, assert_fits
from tests.support.farm import picture

SMALLEST_PX = 64


@pytest.fixture
def form(page):
    """The page with its form shown."""
    page.goto("/")
    expect(page.get_by_role("button", name="Paint it")).to_be_visible()
    return page


def choose(page, well, *, seed=1, name=None):
    """Choose a small picture for a well."""
    file = {"name": name or f"picture-{seed}.png", "mimeType": "image/png"}
    well.locator("input[type=file]").set_input_files(
        {**file, "buffer": picture(seed, (SMALLEST_PX, SMALLEST_PX))}
    )


def choose_both(page):
    choose(page, photo_well(page), seed=1)
    choose(page, style_wells(page).first, seed=2)


def photo_well(page):
    return page.locator("[data-well=content]")


def style_wells(page):
    return page.locator("[data-well=style]")


def make_smallest(page):
    """Let the size on offer be the smallest that there is, for the sake of time."""
    sketch = page.get_by_role("radio", name="Sketch")
    sketch.evaluate(f"radio => {{ radio.value = {SMALLEST_PX}; }}")
    sketch.check(force=True)
    page.get_by_role("radio", name="Draft").check(force=True)


def expect_shown(place, text):
    """Wait until a text can be read there; hidden elements do not count."""
    expect(place).to_contain_text(text, use_inner_text=True)


def sent(page, action):
    """The body of the submission that an action sends; none is taken by the server."""
    bodies = []

    def refuse(route):
        bodies.append(route.request.post_data_json)
        route.fulfill(status=503, json={"title": "Refused by the test"})

    page.route("**/v1/jobs", refuse, times=1)
    action()
    expect_shown(page.locator("#create-problem"), "Refused by the test")
    return bodies[0]


def test_the_form_is_accessible_and_fits_every_screen_empty_wrong_and_filled(axe_page):
    axe_page.goto("/")
    axe_page.get_by_text("Advanced", exact=True).click()
    assert_accessible(axe_page)

    axe_page.get_by_role("button", name="Paint it").click()
    expect(axe_page.get_by_text("Choose a photo", exact=True)).to_be_visible()
    assert_accessible(axe_page)
    assert_fits(axe_page)

    choose_both(axe_page)
    axe_page.get_by_role("button", name="Add a painting").click()
    choose(axe_page, style_wells(axe_page).nth(1), seed=3)
    expect_shown(axe_page.locator("#estimate"), "fits")
    assert_accessible(axe_page)
    assert_fits(axe_page)


def test_an_error_goes_once_it_is_mended(form):
    form.get_by_role("button", name="Paint it").click()
    expect(form.get_by_text("Choose a photo", exact=True)).to_be_visible()
    expect(form.get_by_text("Choose a painting", exact=True)).to_be_visible()
    expect(photo_well(form).locator("input")).to_be_focused()

    choose(form, photo_well(form))

    expect(form.get_by_text("Choose a photo", exact=True)).to_be_hidden()
    expect(photo_well(form).locator("input")).not_to_have_attribute(
        "aria-invalid", "true"
    )
    expect(form.get_by_text("Choose a painting", exact=True)).to_be_visible()
    form.get_by_role("button", name="Mosaic").click()
    expect(form.get_by_text("Choose a painting", exact=True)).to_be_hidden()


@pytest.mark.provokes("422")
def test_a_wrong_value_is_named_at_its_field_until_it_is_mended(form):
    choose_both(form)
    form.get_by_text("Advanced", exact=True).click()
    smoothness = form.get_by_label("Total variation")
    error = form.locator("[data-field='/params/tv_weight'] .error")

    smoothness.fill("-1")
    expect(error).to_be_visible()  # nothing was submitted: the estimate told
    form.get_by_role("button", name="Paint it").click()
    expect(form.locator("#create-problem")).to_be_visible()
    expect(smoothness).to_be_focused()
    smoothness.fill("0.5")

    expect(error).to_be_hidden()
    expect(form.locator("#create-problem")).to_be_hidden()


def test_a_file_that_is_no_picture_is_refused_at_once(form):
    requests = []
    form.on("request", lambda request: requests.append(request.url))
    file = {
        "name": "letter.jpg",
        "mimeType": "image/jpeg",
        "buffer": b"Dear reader, ...",
    }
    photo_well(form).locator("input").set_input_files(file)

    expect_shown(photo_well(form), "“letter.jpg” is not a picture")
    expect_shown(photo_well(form), "Drop it here")
    assert not [url for url in requests if "/v1/assets" in url]


def test_a_file_that_is_too_large_is_refused_at_once(form):
    form.locator("#create").evaluate("form => { form.dataset.maxBytes = 200_000; }")
    data = picture(1) + bytes(300_000)
    file = {"name": "wall.png", "mimeType": "image/png", "buffer": data}
    photo_well(form).locator("input").set_input_files(file)

    expect_shown(photo_well(form), "“wall.png” has 0.3 MB, and 0.2 MB is the")
    expect_shown(photo_well(form), "Drop it here")


def test_pictures_that_are_dropped_and_pasted_go_to_the_empty_wells(form):
    for way in ("drop", "paste"):
        event = form.evaluate_handle(
            """([way, bytes]) => {
                const data = new DataTransfer();
                data.items.add(new File([new Uint8Array(bytes)], `${way}.png`));
                const options = { bubbles: true, cancelable: true };
                return way === "drop"
                    ? new DragEvent("drop", { ...options, dataTransfer: data })
                    : new ClipboardEvent("paste", { ...options, clipboardData: data });
            }""",
            [way, list(picture(5))],
        )
        form.locator("h1:visible").evaluate(
            "(title, event) => title.dispatchEvent(event)", event
        )

    expect(photo_well(form)).to_contain_text("drop.png")
    expect(style_wells(form)).to_contain_text("paste.png")
    expect_shown(form.locator("#estimate"), "fits")


@pytest.mark.provokes("422")
def test_a_damaged_picture_is_refused_at_its_well(form):
    data = picture(1)[:-40]
    file = {"name": "cut.png", "mimeType": "image/png", "buffer": data}
    photo_well(form).locator("input").set_input_files(file)

    expect_shown(photo_well(form).locator(".error"), "damaged")
    expect_shown(photo_well(form), "Drop it here")


def test_a_picture_that_the_browser_cannot_show_is_taken_and_says_so(form, tmp_path):
    path = tmp_path / "scan.tiff"
    Image.new("RGB", (SMALLEST_PX, SMALLEST_PX), "teal").save(path)
    photo_well(form).locator("input").set_input_files(path)

    expect_shown(photo_well(form), "cannot show. It is fine to use")
    expect_shown(photo_well(form), "scan.tiff")
    choose(form, style_wells(form).first)
    expect_shown(form.locator("#estimate"), "fits")  # the server read it


IS_LONG = "delay >= 60_000"  # between two estimates although nothing was chosen


def change_timers(page, condition, milliseconds):
    """Change the delay of the timers of which a condition in JavaScript is true."""
    page.add_init_script(
        f"""const wait = window.setTimeout;
        window.setTimeout = (call, delay, ...rest) =>
            wait(call, {condition} ? {milliseconds} : delay, ...rest);"""
    )


def test_the_estimate_follows_the_choices(page):
    change_timers(page, IS_LONG, 10**9)
    page.goto("/")
    choose_both(page)
    estimate = page.locator("#estimate")
    expect_shown(estimate, "512 \u00d7 512 px, fits")
    expect_shown(estimate, "starts at once")
    small = estimate.locator("strong").inner_text()

    page.get_by_role("radio", name="Poster").check(force=True)
    page.get_by_role("radio", name="Fine").check(force=True)

    expect_shown(estimate, "1024 \u00d7 1024 px, fits")
    assert estimate.locator("strong").inner_text() != small


def test_the_estimate_follows_the_farm(page):
    changes = {"workers": []}

    def answer_with_changes(route):
        answer = route.fetch()
        route.fulfill(response=answer, json={**answer.json(), **changes})

    change_timers(page, IS_LONG, 100)
    page.route("**/v1/estimates", answer_with_changes)
    page.goto("/")
    choose_both(page)
    expect_shown(page.locator("#estimate"), "No worker is running")

    changes.clear()

    expect_shown(page.locator("#estimate"), "fits")
    page.unroute_all(behavior="ignoreErrors")  # one may be on its way


@pytest.mark.provokes("429")
def test_too_many_estimates_say_so(form):
    problem = {"code": "rate-limited", "status": 429, "title": "Rate limit exceeded"}
    form.route("**/v1/estimates", lambda route: route.fulfill(status=429, json=problem))

    choose_both(form)

    expect_shown(form.locator("#estimate"), "Too many requests for now")


@pytest.mark.provokes("422")
def test_an_error_goes_once_another_field_mends_it(form):
    wrong = {"pointer": "/params/tv_weight", "detail": "is too much at this size"}
    problem = {"code": "invalid-params", "status": 422, "errors": [wrong]}
    form.route(
        "**/v1/estimates",
        lambda route: route.fulfill(status=422, json=problem),
        times=1,
    )
    choose_both(form)
    form.get_by_text("Advanced", exact=True).click()
    error = form.locator("[data-field='/params/tv_weight'] .error")
    expect(error).to_be_visible()

    form.get_by_role("radio", name="Medium").check(force=True)
    form.get_by_role("radio", name="Large").check(force=True)

    expect_shown(form.locator("#estimate"), "fits")
    expect(error).to_be_hidden()


DURATIONS = {
    9: "a few seconds", 52: "50 s", 59: "1 min 0 s", 118: "2 min 0 s",
    3599: "1 h 0 min", 7199: "2 h 0 min",
}  # fmt: skip


def test_durations_are_rounded_before_they_are_split(form):
    said = form.evaluate(
        """async (seconds) => {
            const { duration } = await import("/static/words.js");
            return seconds.map(duration);
        }""",
        list(DURATIONS),
    )

    assert said == list(DURATIONS.values())


def test_a_size_that_does_not_fit_offers_the_largest_that_does(form):
    def shrink(route):
        answer = route.fetch()
        small = json.loads(route.request.post_data)["params"]["max_edge"] <= 700
        told = {"fits": small, "largest_max_edge": None if small else 700}
        route.fulfill(response=answer, json={**answer.json(), **told})

    form.route("**/v1/estimates", shrink)
    choose_both(form)
    form.get_by_role("radio", name="Poster").check(force=True)
    expect_shown(form.locator("#estimate"), "the largest that fits is 700 px")

    form.get_by_role("button", name="Use 512 px").click()

    expect(form.get_by_role("radio", name="Medium")).to_be_checked()
    expect_shown(form.locator("#estimate"), "512 \u00d7 512 px, fits")
    expect(form.get_by_role("button", name="Use 512 px")).to_be_hidden()


@pytest.mark.provokes("503")
def test_several_paintings_are_mixed_by_their_shares(form):
    choose_both(form)
    for seed in (3, 4):
        form.get_by_role("button", name="Add a painting").click()
        choose(form, style_wells(form).last, seed=seed)
    shares = form.get_by_role("slider", name="Share")
    shares.nth(1).fill("20")
    expect_shown(style_wells(form).nth(1), "50 %")
    style_wells(form).first.get_by_role("button", name="Remove the painting").click()

    expect(style_wells(form)).to_have_count(2)
    expect_shown(style_wells(form).first, "67 %")
    body = sent(form, form.get_by_role("button", name="Paint it").click)
    assert [style["weight"] for style in body["styles"]] == [2, 1]
    assert len({style["image"]["asset_id"] for style in body["styles"]}) == 2


@pytest.mark.provokes("503")
def test_plain_words_and_real_names_send_their_parameters(form):
    choose_both(form)
    form.get_by_role("slider", name="Strength of the style").fill("10")
    form.get_by_label("Brush size").fill("-2")
    expect(form.get_by_label("Brush size")).to_have_attribute(
        "aria-valuetext", "Very fine"
    )
    assert "gram" not in form.locator("#create").inner_text().lower()
    form.get_by_text("Advanced", exact=True).click()
    form.get_by_label("Style loss").select_option("wasserstein")
    form.get_by_label("Content loss").select_option("relations")
    form.get_by_label("Edges").select_option("true")

    body = sent(form, form.get_by_role("button", name="Paint it").click)

    assert body["name"] == "picture-1 in the style of picture-2"
    params = body["params"]
    assert params["style_weight"] == 46.4  # 10 * 10 ** (10 / 15)
    assert params["style_scale"] == 0.5
    assert params["style_loss"] == "wasserstein"
    assert params["content_loss"] == "relations"
    assert params["seamless"] is True
    assert "optimizer" not in params  # the server chooses


@pytest.mark.provokes("ERR_FAILED")
@pytest.mark.parametrize("lost", [1, 3])
def test_a_lost_answer_to_a_submission_makes_one_job(page, jobs, lost):
    """Once the page asks again by itself, then a person presses the button again."""
    keys = []

    def lose(route):
        keys.append(route.request.headers["idempotency-key"])
        if len(keys) > lost:
            return route.continue_()
        route.fetch()  # the server has it
        return route.abort()

    page.route("**/v1/jobs", lose)
    change_timers(page, f"!({IS_LONG})", 0)  # it asks again at once
    page.goto("/")
    choose_both(page)
    page.get_by_role("button", name="Paint it").click()
    if lost == 3:
        expect_shown(page.locator("#create-problem"), "cannot be reached")
        page.get_by_role("button", name="Paint it").click()

    expect(page.locator("#job")).to_be_visible()
    assert len(jobs.all()) == 1
    assert len(keys) == lost + 1
    assert len(set(keys)) == 1


def test_another_picture_gets_a_key_of_its_own(form, jobs):
    choose_both(form)
    for _ in range(2):
        form.get_by_role("button", name="Paint it").click()
        expect(form.locator("#job")).to_be_visible()
        form.get_by_role("link", name="New picture").click()
        expect(form.locator("#create")).to_be_visible()

    assert len(jobs.all()) == 2  # with the same key it would be the same job


def test_a_picture_is_painted_by_a_real_worker_from_the_form_to_the_file(
    form, jobs, real_worker
):
    choose_both(form)
    make_smallest(form)
    form.get_by_role("button", name="Paint it").click()

    expect(form.locator("#job-state")).to_have_text("Finished")
    expect(form.locator("#compare")).to_be_visible()
    line = form.locator("#loss-curve polyline")
    expect(line).to_have_attribute("points", re.compile(r",.*,"))
    expect(form.locator("#scrubber")).to_be_enabled()
    with form.expect_download() as download:
        form.get_by_role("link", name="Download 64 \u00d7 64 px").click()
    (job,) = jobs.all()
    digest = hashlib.sha256(download.value.path().read_bytes()).hexdigest()
    assert digest == job["outputs"][0]["sha256"]


def test_the_chosen_size_is_visible_in_forced_colors(new_context):
    page = new_context(forced_colors="active").new_page()
    page.goto("/")
    sketch = page.locator(".choices label", has_text="Sketch")
    unchosen = sketch.screenshot()

    page.get_by_role("radio", name="Sketch").check(force=True)
    page.get_by_role("radio", name="Sketch").evaluate("radio => radio.blur()")

    assert sketch.screenshot() != unchosen


@pytest.mark.provokes("ERR_FAILED")
def test_a_picture_chosen_while_the_server_is_away_is_sent_when_it_is_back(form):
    form.route("**/v1/assets", lambda route: route.abort())
    choose_both(form)
    expect_shown(form.locator("#estimate"), "cannot be reached")
    form.unroute("**/v1/assets")

    form.get_by_role("radio", name="Fine").check(force=True)

    expect_shown(form.locator("#estimate"), "fits")


def test_samples_and_the_keyboard_alone_fill_the_form(form):
    form.get_by_role("button", name="Cat").focus()
    form.keyboard.press("Enter")
    expect(photo_well(form).locator("img")).to_be_visible()
    form.get_by_role("button", name="Mosaic").focus()
    form.keyboard.press("Space")
    expect(style_wells(form).locator("img")).to_be_visible()
    expect_shown(form.locator("#estimate"), "512 \u00d7 341 px, fits")
    style_wells(form).get_by_role("button", name="Remove the painting").focus()
    form.keyboard.press("Enter")

    expect(style_wells(form).locator("input[type=file]")).to_be_focused()
    form.get_by_role("radio", name="Medium").focus()
    form.keyboard.press("ArrowRight")
    expect(form.get_by_role("radio", name="Large")).to_be_checked()
