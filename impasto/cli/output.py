"""Output of the command line: data on stdout, messages for people on stderr."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from impasto.cli.exit_codes import ERROR

if TYPE_CHECKING:
    from collections.abc import Iterator


def print_line(data: str) -> None:
    """Print a line of data on stdout, for other programs."""
    sys.stdout.write(f"{data}\n")
    sys.stdout.flush()  # so that a pipe gets JSON lines while the job runs


def print_message(message: str) -> None:
    """Print a message for people on stderr."""
    sys.stderr.write(f"{message}\n")
    sys.stderr.flush()


@contextmanager
def stop_where_disk_is_full() -> Iterator[None]:
    """Exit with one line instead of a traceback if the disk is full in the block."""
    try:
        yield
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        # At exit, Python flushes stdout, which would fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        print_message(f"error: cannot write the output: {error.strerror}")
        raise SystemExit(ERROR) from None
