"""Endpoints of uploaded images."""
