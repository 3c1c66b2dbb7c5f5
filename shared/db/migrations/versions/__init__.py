"""One file per revision, numbered in order; a revision is named without its number."""
