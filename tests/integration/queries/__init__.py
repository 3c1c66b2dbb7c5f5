"""Reads that need rows on both databases."""
