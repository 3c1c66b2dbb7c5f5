"""Command line: options, job ids, rendering and startup."""
