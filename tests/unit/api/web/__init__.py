"""HTML pages: the application and /docs."""
