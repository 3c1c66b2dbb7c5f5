"""The compose file, and the check that runs it."""
