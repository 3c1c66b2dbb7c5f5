"""The farm of a seed: its processes, and the resources that they share."""
