"""Asset rows and blobs on both databases: concurrent use and expiry."""
