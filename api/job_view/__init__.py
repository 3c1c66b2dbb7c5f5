"""Job object of the API: schema, serializer, ETag, cache."""
