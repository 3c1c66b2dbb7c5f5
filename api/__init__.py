"""The HTTP side: takes jobs, shows them, hands out pictures; never loads torch."""
