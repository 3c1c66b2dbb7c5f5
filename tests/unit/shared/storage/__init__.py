"""Storage of blobs in a local folder."""
