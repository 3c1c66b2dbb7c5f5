"""Containers of a farm, and a check that runs them."""
