"""Alembic's environment; `versions` holds the migration."""
