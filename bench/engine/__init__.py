"""The engine beside its peers and its floor: `make bench-engine`, bench/README.md."""
