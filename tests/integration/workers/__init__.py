"""Worker registration, notifications, and real worker processes."""
