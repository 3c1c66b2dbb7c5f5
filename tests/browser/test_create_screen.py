from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.accessibility import assert_accessible, assert_fits


def test_the_form_is_accessible_and_fits_every_screen(axe_page):
    axe_page.goto("/")
    expect(axe_page.get_by_role("button", name="Paint it")).to_be_visible()

    assert_accessible(axe_page)
    assert_fits(axe_page)
