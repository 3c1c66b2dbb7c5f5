"""Watcher: one thread that reads new rows for all streams and long polls."""
