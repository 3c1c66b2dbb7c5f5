"""Pictures on the user's machine: embedded recipes, provenance, comparison."""
