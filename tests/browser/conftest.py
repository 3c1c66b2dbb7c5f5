"""A farm to click on, and a browser that fails a test on any error of the page."""

from __future__ import annotations

import shutil
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.acceptance.farm import Farm
from tests.browser.jobs import Jobs
from tests.conftest import missing
from tests.support.processes import PATIENCE_SECONDS

PATIENCE_MILLISECONDS = PATIENCE_SECONDS * 1000
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox",  # a container's root has none
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
OWN_HOSTS = {"127.0.0.1", "localhost", None}  # `blob:` addresses have none


@pytest.fixture(scope="session")
def browser_type_launch_args(request):
    path = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if path is None:
        missing(request, "browser", "no chromium is installed")
    return {"executable_path": path, "args": list(FLAGS)}


# The fixtures of pytest-playwright last a session. These last a module, since asyncio
# takes its loop for running until Playwright stops, and other tests need asyncio.
@pytest.fixture(scope="module")
def playwright(browser_type_launch_args):
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="module")
def browser(playwright, browser_type_launch_args):
    browser = playwright.chromium.launch(**browser_type_launch_args)
    expect.set_options(timeout=PATIENCE_MILLISECONDS)
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def farm(browser_type_launch_args, tmp_path_factory, weights_dir):
    """The one farm of all browser tests, who find jobs of others in it."""
    farm = Farm(tmp_path_factory.mktemp("farm"), weights_dir)
    farm.up()
    yield farm
    farm.close()


@pytest.fixture(scope="module")
def browser_context_args(farm):
    return {
        "base_url": farm.url,
        "viewport": {"width": 1280, "height": 900},
        "reduced_motion": "reduce",  # no test waits for an animation
    }


@pytest.fixture
def new_context(request, new_context):
    """Make contexts whose errors fail the test when it ends.

    An error in the console, an exception in a script and a request to another host are
    errors. `@pytest.mark.provokes("422")` allows those of the console with this text.
    """
    provoked = [
        text for mark in request.node.iter_markers("provokes") for text in mark.args
    ]
    contexts, errors = [], []

    def note(message):
        if message.type == "error" and not any(t in message.text for t in provoked):
            errors.append(f"console: {message.text} ({message.location})")

    def check(sent):
        if urlsplit(sent.url).hostname not in OWN_HOSTS:
            errors.append(f"request to another host: {sent.url}")

    def make(**options):
        context = new_context(**options)
        context.set_default_timeout(PATIENCE_MILLISECONDS)
        context.on("console", note)
        context.on("weberror", lambda event: errors.append(f"script: {event.error}"))
        context.on("request", check)
        contexts.append(context)
        return context

    yield make
    for context in contexts:
        context.close()
    assert not errors, "\n".join(errors)


@pytest.fixture
def jobs(farm):
    jobs = Jobs(farm.url)
    yield jobs
    jobs.close()


@pytest.fixture
def axe_page(new_context):
    """A page that axe-core may be put into, which our policy on scripts forbids."""
    return new_context(bypass_csp=True).new_page()
