"""Parameters of jobs: validation, defaults, segments and memory."""
