"""What the server says about itself: entry, capabilities, health, metrics, problems."""
