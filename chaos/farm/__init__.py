"""The farm that chaos breaks: Redis, database, API and worker processes, load."""
