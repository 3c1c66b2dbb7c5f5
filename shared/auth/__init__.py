"""API keys, stream tokens and the secret that signs cookies, as stored."""
