"""Event streams (server-sent events) and pages of the event log."""
