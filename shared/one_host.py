"""SQLite serves one host: its locks do not reach across a network.

A database file on a network file system looks as if it worked, until two hosts write
at once; so it is refused before the first connection.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from shared.errors import DatabaseShared

if TYPE_CHECKING:
    from collections.abc import Iterable

_MOUNTS = Path("/proc/self/mounts")
_NETWORK = ("nfs", "cifs", "smb", "ceph", "glusterfs", "lustre", "fuse.sshfs", "afs")


def require_local(database: Path) -> None:
    """Refuse a SQLite file that other hosts could open, where the system can tell.

    Raises:
        DatabaseShared: The file lies on a network file system.
    """
    try:
        mounts = _MOUNTS.read_text().splitlines()
    except OSError:
        return  # not Linux
    kind = file_system(database.absolute(), mounts)
    if kind.startswith(_NETWORK):
        raise DatabaseShared(f"{database} lies on a network file system ({kind})")


def file_system(path: Path, mounts: Iterable[str]) -> str:
    """Name the kind of file system that `path` lies on.

    Args:
        path: Absolute; need not exist.
        mounts: Lines as in /proc/self/mounts: device, folder, kind, options.
    """
    fields = (line.split() for line in mounts)
    holding = [
        (len(folder), kind)
        for _, folder, kind, *_ in fields
        if path.is_relative_to(folder.replace("\\040", " "))
    ]
    return max(holding, default=(0, ""))[1]
