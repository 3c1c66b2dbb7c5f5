"""Shipped sample pictures, and the scripts that made them."""
