"""Storage backends, chosen by the scheme of a URL."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, unquote, urlsplit

from shared.errors import StorageError
from shared.storage.local import LocalStorage

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.storage.base import Storage

_BACKENDS: dict[str, Callable[[SplitResult], Storage]] = {
    "file": lambda url: LocalStorage(Path(unquote(url.path))),
}


def open_storage(url: str) -> Storage:
    """Open the storage backend named by the scheme of `url`.

    Raises:
        StorageError: No backend has this scheme, or the folder is not absolute.
    """
    parts = urlsplit(url)
    if parts.scheme == "file" and (parts.netloc or not parts.path.startswith("/")):
        raise StorageError(f"{url!r} names no folder: use file:///FOLDER")
    if parts.scheme not in _BACKENDS:
        schemes = ", ".join(sorted(_BACKENDS))
        raise StorageError(f"no storage backend {parts.scheme!r} in {url!r}: {schemes}")
    return _BACKENDS[parts.scheme](parts)
