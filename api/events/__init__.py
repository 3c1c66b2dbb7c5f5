"""Event streams (server-sent events) and the pages of the event log."""
