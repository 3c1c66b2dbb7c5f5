"""Forecasts of durations and start times."""
