"""Workers under chaos: failpoints."""
