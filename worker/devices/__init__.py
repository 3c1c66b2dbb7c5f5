"""Devices, deterministic settings, and the networks loaded on them."""
