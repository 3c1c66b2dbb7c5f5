"""Benchmark of the engine, its peers and lower bounds: `make bench-engine`."""
