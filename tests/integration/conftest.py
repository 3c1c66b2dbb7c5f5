"""A farm per test, on SQLite unless the test asks for both databases."""

from __future__ import annotations

import pytest

from tests.farm import Farm


@pytest.fixture
def farm(tmp_path, sqlite_url, redis_server, weights_dir):
    farm = Farm(tmp_path, sqlite_url, redis_server.url, weights_dir)
    yield farm
    farm.close()


@pytest.fixture
def farm_on_both(tmp_path, database_url, redis_server, weights_dir):
    farm = Farm(tmp_path, database_url, redis_server.url, weights_dir)
    yield farm
    farm.close()
