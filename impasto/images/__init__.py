"""Pictures on the user's side: embedded recipes, comparison, triptych."""
