"""Shared code of all processes: settings, tables, job states, parameters, errors."""
