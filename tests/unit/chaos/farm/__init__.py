"""The farm under chaos: the proxy before Redis."""
