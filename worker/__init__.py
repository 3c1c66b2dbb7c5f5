"""Worker process: claims jobs for one device and runs them."""
