"""Other engines, measured: which there are, where they run, and how each is driven."""
