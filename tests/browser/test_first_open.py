from __future__ import annotations

from playwright.sync_api import expect

MOST_BYTES = 60_000  # of bodies, as they are sent


def test_the_first_open_is_small_and_takes_two_steps(page):
    """One step for the page, one for all that it names; a module names nothing new."""
    # As on a new farm: this one may have pictures of other tests.
    page.route(
        "**/v1/jobs?*",
        lambda route: route.fulfill(json={"data": [], "next_cursor": None}),
    )
    finished = []
    page.on("requestfinished", lambda request: finished.append(request))  # noqa: PLW0108 - `on` marks it
    page.goto("/")
    expect(page.get_by_role("button", name="Paint it")).to_be_visible()
    page.wait_for_load_state("networkidle")

    named = page.locator("link[rel=modulepreload]").evaluate_all(
        "links => links.map((link) => link.href)"
    )
    requests = [one for one in finished if "/v1/" not in one.url]
    assert {one.url for one in requests if one.url.endswith(".js")} == set(named)
    assert sum(one.sizes()["responseBodySize"] for one in requests) < MOST_BYTES
