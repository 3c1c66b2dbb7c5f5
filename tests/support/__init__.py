"""Helpers of the tests: real servers and processes, a farm, rows, and image files."""
