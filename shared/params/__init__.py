"""Parameters of jobs, validated, and what follows from them without a picture."""
