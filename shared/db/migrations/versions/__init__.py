"""Migrations: one numbered file per revision; the revision's name has no number."""
