"""List of jobs: pages, filters and search."""
