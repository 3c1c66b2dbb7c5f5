"""Connections to SQLite or PostgreSQL, the tables and their migration."""
