"""Endpoints of explorations."""
