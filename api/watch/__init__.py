"""Watcher: one thread that reads new rows for the streams and long polls of a process."""
