"""The shipped sample pictures, and the scripts that drew the styles among them."""
