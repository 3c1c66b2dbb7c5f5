"""API keys, browser sessions, rate limits, and secrets kept out of logs."""
