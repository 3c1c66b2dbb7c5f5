"""The database itself: outages, lost commits and migrations."""
