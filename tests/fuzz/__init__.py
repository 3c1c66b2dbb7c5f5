"""Hostile requests to real servers, made by Hypothesis: `make fuzz`."""
