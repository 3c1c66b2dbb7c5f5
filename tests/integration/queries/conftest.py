"""Tests run on SQLite, and with ON_BOTH on PostgreSQL too.

The model of `jobs/test_state_machine.py` makes every move of a job on both.
"""

from __future__ import annotations

import pytest


@pytest.fixture(params=["sqlite"])
def database_url(request):
    return request.getfixturevalue(f"{request.param}_url")
