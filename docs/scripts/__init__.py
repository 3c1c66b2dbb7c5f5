"""Scripts that write tables, sheets and openapi.json of the documentation."""
