"""Picture files, read and written: color profiles, bit depth, metadata."""
