"""Delivery of new events to streams and long polls."""
