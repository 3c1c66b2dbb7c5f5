"""The embedded farm: setup, supervision and end of its processes."""
