"""On which databases a test runs."""

from __future__ import annotations

import pytest

# For what a dialect may change, in folders whose other tests run on SQLite alone.
ON_BOTH = pytest.mark.parametrize(
    "database_url", ["sqlite", "postgresql"], indirect=True
)
