"""Storage of API keys, and of the secret that signs cookies."""
