"""HTTP building blocks that know no resource: problems, bodies, pagination, slots."""
