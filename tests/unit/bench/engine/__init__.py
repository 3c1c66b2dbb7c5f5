"""Benchmark of the engine beside its peers."""
