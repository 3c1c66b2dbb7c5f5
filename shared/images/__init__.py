"""Uploaded pictures: checked by their header, decoded, read as masks."""
