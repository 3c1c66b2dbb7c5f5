"""Conclusions from a chaos episode: invariants, recovery times, the report."""
