"""Databases: SQLite, PostgreSQL, change token and read cache."""
