"""/v1/keys: API keys and stream tokens."""
