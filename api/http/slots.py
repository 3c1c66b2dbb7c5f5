"""How much a request may bring, enforced while it is read.

Places for streams and held requests, each of which has a thread while it lasts.
"""

from __future__ import annotations

import errno
from collections import Counter
from contextlib import contextmanager, suppress
from tempfile import SpooledTemporaryFile
from threading import Lock
from typing import TYPE_CHECKING

from typing_extensions import override

from shared.errors import ServerBusy, StorageFull, TooManyStreams, UploadTooLarge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from threading import BoundedSemaphore
    from typing import Any

    from api.dependencies import Services
    from shared.settings import Settings

MAX_FIELD_BYTES = 256 * 1024

_PICTURES_PER_REQUEST = 4  # of the largest size taken
_MAX_LOGINS = 4
_MEMORY_BYTES = 512 * 1024  # a larger file goes to disk while it arrives
_DECODER_SECONDS = 30
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT}


def max_body_bytes(settings: Settings) -> int:
    """Bytes of the largest request: four pictures of the largest size, and fields."""
    return _PICTURES_PER_REQUEST * settings.max_upload_bytes + 2**20


def max_uploads(settings: Settings) -> int:
    """Bodies read at once: half of the threads, so that others always find one.

    The server's WSGI input knows no timeout, so a sender who falls silent keeps his
    thread until his connection ends.
    """
    return settings.api_threads // 2


def max_logins(settings: Settings) -> int:
    """Bodies of strangers read at once: nobody else's place is among them.

    Fewer than the threads that uploads leave, or they could take the last one.
    """
    left = settings.api_threads - max_uploads(settings)
    return max(1, min(_MAX_LOGINS, left - 1))


def most_streams_each(settings: Settings) -> int:
    """Streams and held requests of one owner; without keys, the only one has them all.

    There is nobody then to leave places for.
    """
    if settings.auth == "none":
        return settings.max_streams
    return min(settings.max_streams_per_owner, settings.max_streams)


class BoundedFile(SpooledTemporaryFile[bytes]):
    """A file of an upload that stops the request when it grows too large."""

    def __init__(self, max_bytes: int, name: str | None = None) -> None:
        super().__init__(max_size=_MEMORY_BYTES, mode="w+b")
        self._max_bytes, self._name = max_bytes, name

    @override
    def write(self, data: Any) -> int:
        """Write the next bytes.

        Raises:
            UploadTooLarge: They are more than a picture may have.
        """
        if self.tell() + len(data) > self._max_bytes:
            which = f"the file {self._name[:60]!r}" if self._name else "a file"
            raise UploadTooLarge(
                f"{which} of the upload has more than {self._max_bytes:,} bytes",
                hint="scale the picture down or save it as JPEG",
            )
        return super().write(data)


@contextmanager
def temporary_room() -> Iterator[None]:
    """Say what it means when a file of an upload cannot be written, or closed.

    Raises:
        StorageFull: The folder for temporary files is full.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise StorageFull(f"no room for the files of an upload: {error}") from error
        raise


def check_room(services: Services) -> None:
    """Refuse work while there would be no room for its pictures.

    Raises:
        StorageFull: Less is free than the operator wants to keep free.
    """
    free, least = services.storage.free_bytes(), services.settings.min_free_bytes
    if free < least:
        raise StorageFull(f"{free:,} bytes are free, at least {least:,} are kept free")


@contextmanager
def one_place(places: BoundedSemaphore) -> Iterator[None]:
    """Take one of the places where bodies are read: `uploads` or `logins`.

    Raises:
        ServerBusy: All are taken; waiting for one would take a thread, too.
    """
    if not places.acquire(blocking=False):
        raise ServerBusy("too many uploads are arriving; try again soon")
    try:
        yield
    finally:
        places.release()


@contextmanager
def one_decoder(services: Services) -> Iterator[None]:
    """Wait for one of the few places where pictures are decoded.

    Raises:
        ServerBusy: None became free in time.
    """
    if not services.decoders.acquire(timeout=_DECODER_SECONDS):
        raise ServerBusy("too many uploads are being checked; try again soon")
    try:
        yield
    finally:
        services.decoders.release()


class Places:
    """Counts those that are taken, in all and by owner.

    Args:
        most: In all.
        most_each: Of one owner.
    """

    def __init__(self, most: int, most_each: int) -> None:
        self._most, self._most_each = most, most_each
        self._taken: Counter[str] = Counter()
        self._lock = Lock()

    def take(self, owner_id: str) -> Callable[[], None]:
        """Take one.

        Returns:
            What gives it back; doing so twice is harmless.

        Raises:
            TooManyStreams: All are taken, or all that this owner may have.
        """
        with self._lock:
            if self._taken.total() >= self._most:
                raise TooManyStreams("server", self._most)
            if self._taken[owner_id] >= self._most_each:
                raise TooManyStreams("owner", self._most_each)
            self._taken[owner_id] += 1
        held = [owner_id]

        def give_back() -> None:
            with suppress(IndexError), self._lock:
                self._free(held.pop())

        return give_back

    def _free(self, owner_id: str) -> None:
        self._taken[owner_id] -= 1
        if not self._taken[owner_id]:
            del self._taken[owner_id]  # owners come and go; the table must not grow
