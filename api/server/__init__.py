"""Resources about the server: entry, capabilities, health, metrics, problems."""
