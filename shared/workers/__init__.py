"""Registration of worker processes and their devices."""
