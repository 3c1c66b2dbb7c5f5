"""/v1/explorations: jobs that show what a network's layers respond to."""
