"""Periodic work of the elected leader: rescue, deadlines, notifications, cleanup."""
