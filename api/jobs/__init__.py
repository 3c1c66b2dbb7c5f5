"""Resource /v1/jobs: submission, actions, results, frames and history."""
