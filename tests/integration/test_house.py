"""`make house` follows four requests through the product."""

from __future__ import annotations

import pytest

from bench.house import ways


@pytest.mark.usefixtures("weights_dir")
def test_each_request_is_traced_through_the_packages_that_serve_it(monkeypatch):
    monkeypatch.setattr(ways, "_SMALL", {"max_edge": 64, "schedule": [[64, 2]]})
    monkeypatch.setenv("IMPASTO_HEARTBEAT_SECONDS", "0.1")

    traces = ways.trace_ways()

    packages = {
        name: {path.parts[0] for path in trace.files} for name, trace in traces.items()
    }
    assert packages == {
        "submission": {"api", "shared"},
        "run": {"worker", "shared"},
        "poll": {"api", "shared"},
        "cancellation": {"api", "shared"},
    }
