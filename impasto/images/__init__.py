"""Pictures on the user's side: embedded recipes, provenance, comparison."""
