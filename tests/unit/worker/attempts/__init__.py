"""Parts of an attempt: directives, progress, artifacts, memory plan, failures."""
