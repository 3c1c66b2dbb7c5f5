"""OpenAPI document: its structure, and the committed copy."""
