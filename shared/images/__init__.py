"""Uploaded pictures: checks, decoding, masks and label maps."""
