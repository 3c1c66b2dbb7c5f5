"""Commands of the operator that work on the database: keys, workers, migrate."""
