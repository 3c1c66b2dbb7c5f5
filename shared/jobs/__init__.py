"""Writes to job rows, one transaction each; states change in `transitions` only."""
