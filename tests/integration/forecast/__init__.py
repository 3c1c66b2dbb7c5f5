"""Forecasts on both databases: pace measurements and the state of the queue."""
