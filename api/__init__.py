"""The HTTP API: takes jobs, shows them, hands out pictures."""
