"""Authentication, sessions, origin checks and rate limits."""
