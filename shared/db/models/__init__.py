"""SQLAlchemy tables, one module per concept; rows have no behavior."""
