"""The periodic work of the leader on both databases: rescue, deadlines, cleanup."""
