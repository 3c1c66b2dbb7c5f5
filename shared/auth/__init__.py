"""API keys and the secret that signs cookies, as stored."""
