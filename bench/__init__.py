"""What is measured, and with what: see README.md."""
