"""Environment of Alembic; `versions` has the migrations."""
