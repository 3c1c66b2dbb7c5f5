"""Event log and event streams of jobs."""
