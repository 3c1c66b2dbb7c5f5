"""Pyramid, tiles, color, masks and tensors of images."""
