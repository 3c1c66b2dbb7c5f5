"""The embedded farm that `impasto up` runs on this machine."""
