"""HTTP building blocks used by all resources: problems, bodies, pagination, slots."""
