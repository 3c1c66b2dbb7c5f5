"""The OpenAPI document, and the decorators that register documented routes."""
