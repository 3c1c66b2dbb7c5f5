"""Decoding of uploaded pictures, each in its own process with limits.

A small file can take minutes and gigabytes to decode, and its header does not always
show it. So the kernel ends a process above its limits. The processes are forked from a
server that has loaded Pillow, which is much faster than a new start of Python. The
worker decodes accepted pictures in its own process.
"""

from __future__ import annotations

import atexit
import json
import logging
import os
import resource
import signal
import socket
import subprocess
import sys
import traceback
from base64 import b64decode, b64encode
from contextlib import suppress
from dataclasses import asdict
from threading import Lock
from typing import Any

from PIL import AvifImagePlugin, Image

from shared.errors import ImageTooLarge, ImageUnreadable, ServerBusy
from shared.images.decode import EXPORT_HINT
from shared.images.inspect import ImageInfo, inspect_image
from shared.images.label_maps import decode_label_map, label_colors
from shared.images.masks import THUMBNAIL_SIZE, decode_mask, is_empty, mask_thumbnail

CPU_SECONDS = 10
_WALL_SECONDS = 60  # for ten seconds of CPU time; slower machines are too busy
# Measured with 64 megapixels: up to 21 bytes per pixel, in a WebP with transparency.
_BYTES_PER_PIXEL = 24
_BASE_BYTES = 256 * 2**20
_BEGIN = b"\n"  # sent by each process before it decodes; JSON follows


def inspect_apart(data: bytes, max_pixels: int) -> ImageInfo:
    """Validate a picture as `inspect_image` does, within limits of time and memory.

    Raises:
        ImageTooLarge: The picture has more than `max_pixels`, or takes too much memory.
        ImageUnreadable: The format is not supported, or the file is damaged, or takes
            too long to decode.
        ServerBusy: The machine has too little time, or no process, for it now.
    """
    return ImageInfo(**_decode_apart("inspect", data, max_pixels))


def mask_thumbnail_apart(data: bytes, max_pixels: int) -> Image.Image | None:
    """Decode a mask into its thumbnail within the same limits; None if it is empty.

    Raises the same errors.
    """
    pixels = b64decode(_decode_apart("mask", data, max_pixels)["pixels"])
    return Image.frombytes("L", THUMBNAIL_SIZE, pixels) if pixels else None


def label_colors_apart(data: bytes, max_pixels: int) -> list[str]:
    """Return the labels of a label map as #rrggbb, within the same limits.

    Raises the same errors, and ImageUnreadable for too many colors.
    """
    colors: list[str] = _decode_apart("labels", data, max_pixels)["colors"]
    return colors


def _decode_apart(task: str, data: bytes, max_pixels: int) -> dict[str, Any]:
    answer = b""
    try:
        with _SERVER.connect() as connection, connection.makefile("rb") as answer_file:
            connection.settimeout(_WALL_SECONDS)
            with suppress(ConnectionError):  # the process may end before that
                head = f"{task} {max_pixels} {CPU_SECONDS}\n"
                connection.sendall(head.encode() + data)
                connection.shutdown(socket.SHUT_WR)
            with suppress(ConnectionError):
                answer = answer_file.read()
    except OSError as error:
        raise ServerBusy(f"the picture could not be decoded now: {error}") from error
    if not answer:  # no process was started
        raise ServerBusy("the picture could not be decoded now")
    if answer == _BEGIN:
        message = f"decoding fails, or takes more than {CPU_SECONDS} s of CPU time"
        raise ImageUnreadable(message, hint=EXPORT_HINT)
    body: dict[str, Any] = json.loads(answer)
    for refusal in (ImageTooLarge, ImageUnreadable):
        if body.get("refusal") == refusal.code:
            raise refusal(body["message"], hint=body["hint"])
    return body


class _ForkServer:
    """Process that forks a process for each picture; it ends with this process."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._control = socket.socket(socket.AF_UNIX)  # replaced at the start
        self._process: subprocess.Popen[bytes] | None = None

    def connect(self) -> socket.socket:
        """Return a connection to a new process, which reads a picture and responds."""
        ours, theirs = socket.socketpair()
        with self._lock, theirs:
            if self._process is None or self._process.poll() is not None:
                self._process = self._start()
            socket.send_fds(self._control, [b"."], [theirs.fileno()])
        return ours

    def end(self) -> None:
        """Let the process end, and wait for it."""
        self._control.close()
        if self._process is not None:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(1)

    def _start(self) -> subprocess.Popen[bytes]:
        # Settings contain secrets, which the decoder of untrusted bytes does not need.
        env = {n: text for n, text in os.environ.items() if "IMPASTO_" not in n}
        self._control.close()
        self._control, theirs = socket.socketpair()
        with theirs:
            return subprocess.Popen(  # noqa: S603 - nothing from outside
                [sys.executable, "-m", __name__, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env={**env, "PYTHONPATH": os.pathsep.join(sys.path)},
                start_new_session=True,  # so that Ctrl-C in a terminal does not stop it
            )


_SERVER = _ForkServer()
atexit.register(_SERVER.end)


def main() -> None:
    """Fork a process for each connection that arrives on the socket of argv[1]."""
    logging.disable()  # logs of Pillow are in the error, too
    Image.init()
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # each thread would reserve memory
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # no process waits for its children
    with socket.socket(fileno=int(sys.argv[1])) as control:
        while (received := socket.recv_fds(control, 1, 1))[0]:
            with socket.socket(fileno=received[1][0]) as connection:
                if os.fork() == 0:
                    try:
                        _answer(connection)
                    except BaseException:  # noqa: BLE001 - it must not become a server
                        traceback.print_exc()
                    os._exit(0)


def _answer(connection: socket.socket) -> None:
    """Decode one picture within limits."""
    connection.sendall(_BEGIN)
    with connection.makefile("rb") as file:
        task, max_pixels, cpu_seconds = file.readline().decode().split()
        most_bytes = _BASE_BYTES + _BYTES_PER_PIXEL * int(max_pixels)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(
            resource.RLIMIT_CPU, (int(cpu_seconds), int(cpu_seconds) + 1)
        )
        with suppress(ValueError):  # a lower limit exists, or macOS without limits
            resource.setrlimit(resource.RLIMIT_AS, (most_bytes, most_bytes))
        try:
            answer = _decode(task, file.read(), int(max_pixels))
        except (ImageTooLarge, ImageUnreadable) as error:
            answer = {"refusal": error.code, "message": str(error), "hint": error.hint}
        except MemoryError:
            answer = {"refusal": ImageTooLarge.code, "hint": EXPORT_HINT,
                      "message": "decoding takes too much memory"}  # fmt: skip
    connection.sendall(json.dumps(answer).encode())


def _decode(task: str, data: bytes, max_pixels: int) -> dict[str, Any]:
    if task == "inspect":
        return asdict(inspect_image(data, max_pixels))
    if task == "labels":
        return {"colors": label_colors(decode_label_map(data))}
    mask = decode_mask(data)
    pixels = b"" if is_empty(mask) else mask_thumbnail(mask).tobytes()
    return {"pixels": b64encode(pixels).decode()}


if __name__ == "__main__":
    main()
