"""What every process agrees on: settings, tables, job states, parameters, errors."""
