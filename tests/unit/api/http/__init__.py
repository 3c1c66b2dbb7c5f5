"""Problems, validation, idempotency, conditional requests and limits over HTTP."""
