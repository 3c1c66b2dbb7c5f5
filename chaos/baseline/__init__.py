"""Baseline: the same hash chains and faults on plain Celery, for comparison."""
