"""HTTP API: accepts jobs, shows their progress, and serves their pictures."""
