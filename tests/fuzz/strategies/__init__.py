"""Hypothesis strategies for hostile requests: URLs, headers, bodies, images."""
