"""The farm of a seed: its processes, and the doors to all that they share."""
