"""Loading and encoding of images, with 16 bits and ICC profiles."""
