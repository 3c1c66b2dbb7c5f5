"""Farm for chaos tests: Redis, database, API and worker processes, load."""
