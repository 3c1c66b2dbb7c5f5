"""The page in a real browser with a real API, and in most tests a simulated worker."""
