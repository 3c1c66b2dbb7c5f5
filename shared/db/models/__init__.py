"""SQLAlchemy tables; rows carry no behavior."""
