"""The job object that clients see: schema, serializer, ETag, cache."""
