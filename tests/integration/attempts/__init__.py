"""Whole attempts in the process of the test, on real weights."""
