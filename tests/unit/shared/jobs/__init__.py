"""Parts of job writes that need no database."""
