"""One farm for all tests that leave it running, and one for each of the others."""

from __future__ import annotations

import signal

import pytest

from tests.acceptance.farm import Farm


@pytest.fixture(scope="session")
def up(tmp_path_factory, weights_dir):
    """A running farm: tests find jobs and pictures of others in it.

    Its folder was there before, and other users can look into it.
    """
    home = tmp_path_factory.mktemp("farm") / "home"
    home.mkdir()
    home.chmod(0o755)
    farm = Farm(home, weights_dir)
    farm.up()
    yield farm
    farm.end(signal.SIGKILL)


@pytest.fixture
def farm(tmp_path, weights_dir):
    """A farm of the test's own that nobody starts."""
    return Farm(tmp_path / "home", weights_dir)
