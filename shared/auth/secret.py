"""Secret file: the key that signs page cursors and cookies."""

from __future__ import annotations

import os
import secrets
import sys
from typing import TYPE_CHECKING

from shared.errors import InvalidSecretFile
from shared.storage import sync_folder

if TYPE_CHECKING:
    from pathlib import Path

SECRET_BYTES = 32


def read_secret(path: Path) -> bytes:
    """Read the signing key in `path`; create it durably, with mode 0600, if missing.

    Raises:
        InvalidSecretFile: The file cannot be read or created, or the key is too short
            to be safe; a power cut may leave an empty file.
    """
    try:
        if not path.exists():
            _create_secret(path)
        secret = path.read_bytes()
    except OSError as error:
        hint = "set IMPASTO_SECRET_FILE to a file that you may read and create"
        raise InvalidSecretFile(f"{path}: {error.strerror}", hint=hint) from error
    if len(secret) < SECRET_BYTES:
        raise InvalidSecretFile(
            f"{path} has {len(secret)} bytes; a key to sign with has at least "
            f"{SECRET_BYTES}"
        )
    return secret


def secret_or_exit(path: Path) -> bytes:
    """Read the signing key at the start of a process, or exit with 2 and a message.

    Raises:
        SystemExit: The key cannot be used.
    """
    try:
        return read_secret(path)
    except InvalidSecretFile as error:
        sys.stderr.write(f"settings: IMPASTO_SECRET_FILE: {error}\n{error.hint}\n")
        raise SystemExit(2) from None


def _create_secret(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    temporary.touch(mode=0o600)
    with temporary.open("wb") as file:
        file.write(secrets.token_bytes(SECRET_BYTES))
        file.flush()
        os.fsync(file.fileno())
    try:
        path.hardlink_to(temporary)  # if two processes start at once, the first wins
    except FileExistsError:
        pass
    finally:
        temporary.unlink()
    sync_folder(path.parent)
