"""Resource /v1/keys: API keys."""
