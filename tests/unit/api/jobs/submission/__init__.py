"""Submission of style jobs: form and JSON, options, masks, errors."""
