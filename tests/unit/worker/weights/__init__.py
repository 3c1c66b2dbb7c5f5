"""Download, verification and loading of network weights."""
