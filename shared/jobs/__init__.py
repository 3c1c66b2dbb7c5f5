"""Writes to rows of jobs, one transaction each; only `transitions` changes states."""
