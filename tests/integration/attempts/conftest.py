"""Whole attempts in this process, on a network of a few channels and without Redis.

What an attempt does depends on no weights: the tests of `tests/integration/workers`
and of the acceptance use the real ones.
"""

from __future__ import annotations

import pytest

from tests.support.farm import Farm
from tests.support.fault_injection import Given
from tests.unit.worker.engine.conftest import random_weights

SMALL = {"max_edge": 64, "schedule": ((48, 3), (64, 5))}


@pytest.fixture
def farm(tmp_path, sqlite_url):
    """A farm whose jobs nobody is notified of."""
    farm = Farm(tmp_path, sqlite_url, "redis://nowhere", tmp_path / "weights")
    yield farm
    farm.close()


@pytest.fixture(scope="session")
def narrow_weights():
    return {key: each.float() for key, each in random_weights("vgg16").items()}


@pytest.fixture(scope="session")
def networks(narrow_weights):
    return Given(narrow_weights)
