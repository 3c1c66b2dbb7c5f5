"""Measured paces."""
