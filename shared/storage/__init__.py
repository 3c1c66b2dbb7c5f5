"""Blob storage for pictures and checkpoints, chosen by the scheme of one URL."""
