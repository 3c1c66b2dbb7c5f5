"""`make house` follows four requests through the product."""

from __future__ import annotations

from bench.house.ways import trace_ways


def test_each_request_is_traced_through_the_packages_that_serve_it(weights_dir):
    traces = trace_ways()

    packages = {
        name: {path.parts[0] for path in trace.files} for name, trace in traces.items()
    }
    assert packages == {
        "submission": {"api", "shared"},
        "run": {"worker", "shared"},
        "poll": {"api", "shared"},
        "cancellation": {"api", "shared"},
    }
