"""Measurements of Impasto's engine: each module is the work of one process."""
