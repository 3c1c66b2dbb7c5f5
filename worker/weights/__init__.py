"""Trained network weights: download, verification, loading."""
