"""The same chains and the same faults on plain Celery, to compare with."""
