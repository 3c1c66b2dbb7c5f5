"""The embedded stack: Redis, the API and the workers as children of one process."""
