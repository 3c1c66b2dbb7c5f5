"""Job rows on both databases: one test file per kind of write or read."""
