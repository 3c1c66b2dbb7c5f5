from __future__ import annotations

from playwright.sync_api import expect

MOST_BYTES = 60_000


def test_the_first_open_is_small_and_finds_everything_in_the_page(page):
    """One step for the page, one for all that it names; a module names nothing new."""
    answers = []
    page.on("requestfinished", lambda request: answers.append(request))  # noqa: PLW0108
    page.goto("/")
    expect(page.get_by_role("button", name="Paint it")).to_be_visible()
    page.wait_for_load_state("networkidle")

    named = page.locator("link[rel=modulepreload]").evaluate_all(
        "links => links.map((link) => link.href)"
    )
    modules = {a.url for a in answers if a.url.endswith(".js")}
    sizes = [answer.sizes() for answer in answers]
    assert modules == set(named)
    assert sum(s["responseBodySize"] for s in sizes) < MOST_BYTES
