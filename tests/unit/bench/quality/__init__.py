"""Benchmark of how good the painted pictures are."""
