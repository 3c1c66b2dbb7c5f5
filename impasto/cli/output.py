"""The two voices of the command line: data on stdout, talk on stderr."""

from __future__ import annotations

import sys


def print_line(data: str) -> None:
    """Print data that another program may read."""
    sys.stdout.write(f"{data}\n")
    sys.stdout.flush()  # a pipe reads JSON lines while the job runs


def say(line: str) -> None:
    """Tell a person something."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
