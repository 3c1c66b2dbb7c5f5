"""Inspection and decoding of input images and masks."""
