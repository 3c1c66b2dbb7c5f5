"""Resource /v1/explorations: jobs that show what layers of a network respond to."""
