"""Tests run on SQLite alone, and those marked ON_BOTH on PostgreSQL too.

The model of `jobs/test_state_machine.py` makes moves drawn by chance on both, so what
must hold on both has a test of its own with the mark.
"""

from __future__ import annotations

import pytest


@pytest.fixture(params=["sqlite"])
def database_url(request):
    return request.getfixturevalue(f"{request.param}_url")
