"""Forecasts of how long jobs run and wait, from measured paces."""
