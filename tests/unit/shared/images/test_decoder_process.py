"""Pictures decoded in processes of their own, which end when they take too much."""

from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest
from PIL import Image

import shared
from shared.errors import ImageTooLarge, ImageUnreadable, ServerBusy
from shared.images import decoder_process
from shared.images.decoder_process import inspect_apart, mask_thumbnail_apart
from shared.images.inspect import inspect_image
from shared.images.masks import decode_mask, mask_thumbnail
from tests.fuzz.hostile_pictures import repeated_scan
from tests.support.images import encode, picture
from tests.support.processes import PATIENCE_SECONDS

MAX_PIXELS = 64 * 2**20
GOOD = encode(picture(), "PNG")
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(shared.__file__).parents[1])}


def fork_server():
    """The process that forks those which decode, once it is there."""
    inspect_apart(GOOD, MAX_PIXELS)
    return forking(psutil.Process())


def forking(parent):
    named = [p for p in parent.children() if decoder_process.__name__ in p.cmdline()]
    assert len(named) == 1
    return named[0]


def test_it_finds_what_the_inspection_finds():
    turned = Image.Exif()
    turned[0x0112] = 6
    for data in (
        GOOD,
        encode(picture(), "JPEG", exif=turned),
        encode(picture(), "MPO"),
    ):
        assert inspect_apart(data, MAX_PIXELS) == inspect_image(data, MAX_PIXELS)


def test_it_refuses_what_the_inspection_refuses_in_the_same_words():
    for data, limit in (
        (b"", 9999),
        (b"no picture", 9999),
        (GOOD[:60], 9999),
        (GOOD, 9),
    ):
        with pytest.raises((ImageUnreadable, ImageTooLarge)) as expected:
            inspect_image(data, limit)
        with pytest.raises(expected.type) as found:
            inspect_apart(data, limit)
        assert str(found.value) == str(expected.value)
        assert found.value.hint == expected.value.hint


def test_it_makes_the_thumbnail_of_a_mask_or_finds_it_empty():
    thumbnail = mask_thumbnail_apart(GOOD, MAX_PIXELS)

    assert thumbnail == mask_thumbnail(decode_mask(GOOD))
    assert mask_thumbnail_apart(encode(Image.new("L", (40, 30)), "PNG"), 9999) is None


def test_a_picture_that_takes_too_much_cpu_time_is_ended_and_others_go_on(monkeypatch):
    """A large JPEG with all scans that are accepted is one way of many."""
    monkeypatch.setattr(decoder_process, "CPU_SECONDS", 1)

    with pytest.raises(ImageUnreadable, match="more than 1 s of CPU time"):
        inspect_apart(repeated_scan(90, (8192, 8192)), MAX_PIXELS)

    assert inspect_apart(GOOD, MAX_PIXELS).width == 40


def test_a_picture_that_takes_too_much_memory_is_refused():
    large = encode(Image.new("RGB", (8192, 8192), "white"), "PNG", compress_level=1)

    assert mask_thumbnail_apart(large, MAX_PIXELS) is not None
    with pytest.raises(ImageTooLarge, match="too much memory"):
        mask_thumbnail_apart(large, max_pixels=10_000)


def test_when_the_process_that_forks_was_killed_the_next_picture_starts_another():
    first = fork_server()
    first.kill()
    psutil.wait_procs([first], timeout=PATIENCE_SECONDS)

    assert inspect_apart(GOOD, MAX_PIXELS).width == 40
    assert fork_server().pid != first.pid


def test_a_picture_whose_process_never_started_is_not_blamed_for_it():
    server = fork_server()
    server.suspend()
    killer = threading.Timer(0.5, server.kill)
    killer.start()

    with pytest.raises(ServerBusy):
        inspect_apart(GOOD, MAX_PIXELS)

    killer.join()
    psutil.wait_procs([server], timeout=PATIENCE_SECONDS)


def test_where_less_memory_is_allowed_or_none_can_be_a_picture_is_still_decoded():
    """macOS refuses the limit, with the same error as for one above that of all."""
    code = (
        "import resource\n"
        "resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))\n"
        "from shared.images.decoder_process import inspect_apart\n"
        f"print(inspect_apart(bytes.fromhex('{GOOD.hex()}'), {MAX_PIXELS}).width)"
    )

    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=False, env=ENVIRONMENT
    )

    assert found.stdout == b"40\n", found.stderr.decode()


def test_what_pillow_logs_of_a_picture_is_not_printed():
    file = io.BytesIO()
    Image.new("RGB", (4, 4)).save(file, "TIFF")
    tiff = bytearray(file.getvalue())
    samples = tiff.find(struct.pack("<HHI", 277, 3, 1))  # the tag SamplesPerPixel
    tiff[samples + 8 : samples + 10] = struct.pack("<H", 60_000)
    code = (
        "from shared.errors import ImageUnreadable\n"
        "from shared.images.decoder_process import inspect_apart\n"
        f"try: inspect_apart(bytes.fromhex('{tiff.hex()}'), {MAX_PIXELS})\n"
        "except ImageUnreadable: print('refused')"
    )

    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=False, env=ENVIRONMENT
    )

    assert found.stdout == b"refused\n"
    assert b"More samples" not in found.stderr


def test_the_processes_know_no_settings(monkeypatch):
    monkeypatch.setenv("IMPASTO_DATABASE_URL", "postgresql://user:secret@host/db")
    old = fork_server()
    old.kill()
    psutil.wait_procs([old], timeout=PATIENCE_SECONDS)

    environment = fork_server().environ()

    assert not [name for name in environment if name.startswith("IMPASTO_")]


def test_nothing_is_left_when_the_process_that_asked_is_killed():
    code = (
        "from shared.images.decoder_process import inspect_apart\n"
        f"inspect_apart(bytes.fromhex('{GOOD.hex()}'), 9999)\n"
        "print(1, flush=True)\n"
        "input()"
    )
    asking = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=ENVIRONMENT,
    )
    with asking:
        assert asking.stdout.read(1) == b"1"
        left = forking(psutil.Process(asking.pid))
        asking.kill()

    psutil.wait_procs([left], timeout=PATIENCE_SECONDS)
    assert not left.is_running() or left.status() == psutil.STATUS_ZOMBIE
