"""Estimates of starts and ends."""
