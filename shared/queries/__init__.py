"""Read-only queries of jobs, their events and the queue."""
