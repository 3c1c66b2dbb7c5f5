"""The addresses of the API, one blueprint per noun."""
