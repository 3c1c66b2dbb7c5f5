"""Benchmarks: README.md says what each one measures."""
