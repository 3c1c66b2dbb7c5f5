"""The web page and its session cookie."""
