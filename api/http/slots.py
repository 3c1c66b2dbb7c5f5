"""Limits of the server: bytes of a request, and slots for work that occupies a thread.

Uploads, decoding of images, streams and long polls need a slot.
"""

from __future__ import annotations

import errno
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from tempfile import SpooledTemporaryFile
from threading import BoundedSemaphore, Lock
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from typing_extensions import override

from shared.errors import (
    ServerBusy,
    StorageFull,
    TooManyUploads,
    UploadTooLarge,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, Literal

    from api.dependencies import Dependencies
    from shared.errors import ImpastoError
    from shared.settings import Settings

MAX_FIELD_BYTES = 256 * 1024

_IMAGES_PER_REQUEST = 4  # images of the largest accepted size
_UPLOADING_OWNERS = 4  # owners that must upload at once to take all slots
_OWNER_SHARE = 8  # one owner's decodes take one thread of so many
_MEMORY_BYTES = 512 * 1024  # larger files are written to disk during the upload
_DECODER_TIMEOUT_SECONDS = 30
_DISK_FULL_ERRORS = {errno.ENOSPC, errno.EDQUOT}


def max_body_bytes(settings: Settings) -> int:
    """Return the maximum bytes of a request: four of the largest images, and fields."""
    return _IMAGES_PER_REQUEST * settings.max_upload_bytes + 2**20


def max_uploads(settings: Settings) -> int:
    """Return how many bodies are read at once: half of the threads.

    Each body occupies a thread while it arrives. The other threads serve other
    requests.
    """
    return settings.api_threads // 2


def max_uploads_per_owner(settings: Settings) -> int:
    """Return how many bodies of one owner are read at once.

    Without API keys there is only one owner, who may use all slots.
    """
    if settings.auth == "none":
        return max_uploads(settings)
    return max(1, max_uploads(settings) // _UPLOADING_OWNERS)


def max_streams_per_owner(settings: Settings) -> int:
    """Return how many streams and long polls one owner may open.

    Without API keys there is only one owner, who may use all slots.
    """
    if settings.auth == "none":
        return settings.max_streams
    return min(settings.max_streams_per_owner, settings.max_streams)


class BoundedFile(SpooledTemporaryFile[bytes]):
    """Temporary file of an upload that raises an error when it grows too large.

    Args:
        max_bytes: Maximum size.
        name: Name of the file for the message, or None.
    """

    def __init__(self, max_bytes: int, name: str | None = None) -> None:
        super().__init__(max_size=_MEMORY_BYTES, mode="w+b")
        self._max_bytes, self._name = max_bytes, name

    @override
    def write(self, data: Any) -> int:
        """Write the next bytes.

        Raises:
            UploadTooLarge: The file has more bytes than an image may have.
        """
        if self.tell() + len(data) > self._max_bytes:
            subject = f"the file {self._name[:60]!r}" if self._name else "a file"
            raise UploadTooLarge(
                f"{subject} of the upload has more than {self._max_bytes:,} bytes",
                hint="scale the picture down or save it as JPEG",
            )
        return super().write(data)


@contextmanager
def report_full_disk() -> Iterator[None]:
    """Convert the error of a full disk while files of an upload are written.

    Raises:
        StorageFull: The folder for temporary files is full.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _DISK_FULL_ERRORS:
            raise StorageFull(f"no room for the files of an upload: {error}") from error
        raise


def check_free_space(dependencies: Dependencies) -> None:
    """Raise an error if the storage has too little free space for new images.

    Raises:
        StorageFull: Less than `min_free_bytes` of the settings is free.
    """
    free = dependencies.storage.free_bytes()
    required = dependencies.settings.min_free_bytes
    if free < required:
        raise StorageFull(
            f"{free:,} bytes are free, at least {required:,} are kept free"
        )


class DecoderSlots:
    """Slots for decoding pictures: a total limit, and one slot per owner.

    Without API keys there is only one owner, who may use all slots.
    """

    def __init__(self, settings: Settings) -> None:
        self._slots = BoundedSemaphore(settings.max_decodes)
        is_alone = settings.auth == "none"
        self._owner_turns = settings.max_decodes if is_alone else 1
        share = 1 if is_alone else _OWNER_SHARE
        self._owner_requests = max(1, settings.api_threads // share)
        # An owner is removed when no request refers to it.
        self._owners = WeakValueDictionary[str, _DecodingOwner]()
        self._lock = Lock()

    @contextmanager
    def hold(self, owner_id: str) -> Iterator[None]:
        """Wait for a slot: first among requests of the owner, then among all owners.

        Raises:
            ServerBusy: No slot became free in time, or the owner has too many requests.
        """
        with self._lock:
            owner = self._owners.get(owner_id) or _DecodingOwner(
                BoundedSemaphore(self._owner_requests),
                BoundedSemaphore(self._owner_turns),
            )
            self._owners[owner_id] = owner
        with (
            _taken(owner.requests, 0),
            _taken(owner.turns, _DECODER_TIMEOUT_SECONDS),
            _taken(self._slots, _DECODER_TIMEOUT_SECONDS),
        ):
            yield


@dataclass(frozen=True, slots=True, weakref_slot=True)
class _DecodingOwner:
    """Slots of one owner: some for waiting or decoding requests, some for pictures."""

    requests: BoundedSemaphore
    turns: BoundedSemaphore


@contextmanager
def _taken(slots: BoundedSemaphore, timeout_seconds: float) -> Iterator[None]:
    if not slots.acquire(timeout=timeout_seconds):
        raise ServerBusy("too many uploads are being checked; try again soon")
    try:
        yield
    finally:
        slots.release()


def too_many_uploads(cap: Literal["owner", "server"], limit: int) -> ImpastoError:
    """Build the error of a body for which no slot is free."""
    if cap == "server":
        return ServerBusy("too many uploads are arriving; try again soon")
    return TooManyUploads(f"{limit} of your uploads are arriving; wait for one to end")


class OwnerSlots:
    """Slots for work that occupies a thread, such as a stream, with a limit per owner.

    Args:
        limit: Maximum number of slots in use.
        owner_limit: Maximum number of slots of one owner.
        error: Function that builds the error if no slot is free.
    """

    def __init__(
        self,
        limit: int,
        owner_limit: int,
        error: Callable[[Literal["owner", "server"], int], ImpastoError],
    ) -> None:
        self._limit, self._owner_limit, self._error = limit, owner_limit, error
        self._taken: Counter[str] = Counter()
        self._lock = Lock()

    def take(self, owner_id: str) -> Callable[[], None]:
        """Take a slot.

        Returns:
            Function that releases the slot; a second call has no effect.

        Raises:
            ImpastoError: All slots, or all slots of this owner, are taken.
        """
        with self._lock:
            if self._taken.total() >= self._limit:
                raise self._error("server", self._limit)
            if self._taken[owner_id] >= self._owner_limit:
                raise self._error("owner", self._owner_limit)
            self._taken[owner_id] += 1
        held = [owner_id]

        def release() -> None:
            with suppress(IndexError), self._lock:
                self._release(held.pop())

        return release

    @property
    def taken(self) -> int:
        """Number of slots in use."""
        with self._lock:
            return self._taken.total()

    def _release(self, owner_id: str) -> None:
        self._taken[owner_id] -= 1
        if not self._taken[owner_id]:
            del self._taken[owner_id]  # removed, so that the table does not grow
