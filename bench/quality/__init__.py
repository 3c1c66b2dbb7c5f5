"""Benchmark of the quality of pictures: `make bench-quality`."""
