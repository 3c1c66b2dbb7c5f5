"""Output of the command line: data on stdout, messages for people on stderr."""

from __future__ import annotations

import sys


def print_line(data: str) -> None:
    """Print a line of data on stdout, for other programs."""
    sys.stdout.write(f"{data}\n")
    sys.stdout.flush()  # a pipe reads JSON lines while the job runs


def print_message(message: str) -> None:
    """Print a message for people on stderr."""
    sys.stderr.write(f"{message}\n")
    sys.stderr.flush()
