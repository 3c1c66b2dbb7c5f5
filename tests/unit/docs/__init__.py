"""Pages of the documentation that must match the code."""
