"""The key that signs page cursors, cookies and tokens of streams: a file, made once."""

from __future__ import annotations

import os
import secrets
import sys
from typing import TYPE_CHECKING

from shared.errors import SecretUnusable

if TYPE_CHECKING:
    from pathlib import Path

SECRET_BYTES = 32


def read_secret(path: Path) -> bytes:
    """Return the signing key in `path`, made once with mode 0600, durable by then.

    Raises:
        SecretUnusable: It is so short that signatures could be guessed: an empty file
            is what a power cut may leave of one.
    """
    if not path.exists():
        _make(path)
    secret = path.read_bytes()
    if len(secret) < SECRET_BYTES:
        raise SecretUnusable(
            f"{path} has {len(secret)} bytes; a key to sign with has at least "
            f"{SECRET_BYTES}"
        )
    return secret


def secret_or_exit(path: Path) -> bytes:
    """Read the key at the start of a process; exit with 2, saying what is wrong.

    Raises:
        SystemExit: It cannot be used.
    """
    try:
        return read_secret(path)
    except SecretUnusable as error:
        sys.stderr.write(f"settings: IMPASTO_SECRET_FILE: {error}\n{error.hint}\n")
        raise SystemExit(2) from None


def _make(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    fresh.touch(mode=0o600)
    with fresh.open("wb") as file:
        file.write(secrets.token_bytes(SECRET_BYTES))
        file.flush()
        os.fsync(file.fileno())
    try:
        path.hardlink_to(fresh)  # of two that start at once, the first wins
    except FileExistsError:
        pass
    finally:
        fresh.unlink()
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
