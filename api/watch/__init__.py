"""The one thread that reads new rows for all streams and long polls of a process."""
