"""Benchmark of how good the painted pictures are: `make bench-quality`."""
