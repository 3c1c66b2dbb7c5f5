"""Rules of axe-core, applied to the page as it is now."""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe

WIDTHS_PX = (1280, 390, 320)


def assert_accessible(axe_page, part=None):
    """Fail on any violation; in the dark, which differs in colors alone, on theirs."""
    for scheme, rules in (("light", None), ("dark", {"runOnly": ["color-contrast"]})):
        axe_page.emulate_media(color_scheme=scheme)
        results = Axe().run(axe_page, part, rules)
        assert not results.violations_count, f"{scheme}: {results.generate_report()}"


def assert_fits(page):
    """Fail where the page is wider than the screen, at each width."""
    height = page.viewport_size["height"]
    for width in WIDTHS_PX:
        page.set_viewport_size({"width": width, "height": height})
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, f"{wide} px of content at {width} px"
