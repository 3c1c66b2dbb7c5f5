"""Devices: determinism and precision."""
