"""HTTP client: requests, polling and server discovery."""
