"""One farm for all tests that leave it running, and one for each of the others."""

from __future__ import annotations

import pytest

from tests.acceptance.farm import Farm


@pytest.fixture(scope="session")
def up(tmp_path_factory, weights_dir):
    """A running farm: tests find jobs and pictures of others in it."""
    home = tmp_path_factory.mktemp("farm") / "home"  # which it makes itself
    farm = Farm(home, weights_dir)
    farm.up()
    yield farm
    farm.close()


@pytest.fixture
def farm(tmp_path, weights_dir):
    """A farm of the test's own, not yet started."""
    farm = Farm(tmp_path / "home", weights_dir)
    yield farm
    farm.close()
