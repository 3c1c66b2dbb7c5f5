"""Picture files in and out: color profiles, bit depth, metadata."""
