"""Endpoints of jobs: reading, actions, results and history."""
