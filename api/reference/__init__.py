"""The OpenAPI document as HTML at /docs: topics, operations, models."""
