"""Sizes of the code base, and of the code that four kinds of requests run."""
